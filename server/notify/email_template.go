package notify

import (
	"fmt"
	htmltemplate "html/template"
	"strconv"
	"strings"
	"text/template"

	"github.com/onelicense/onelicense/server/licensing"
)

// How events read in a letter: short, and plain in both forms.

// emailContent is what the templates show.
type emailContent struct {
	Events []emailItem
	More   int
	URL    string
}

type emailItem struct{ When, What, License string }

var textTemplate = template.Must(template.New("text").Parse(`{{range .Events}}{{.When}}  {{.What}}
{{if and .License $.URL}}  {{$.URL}}/licenses/{{.License}}
{{end}}{{end}}{{if .More}}
and {{.More}} more.
{{end}}
Which notices you get is chosen in your account.{{if .URL}} {{.URL}}{{end}}
`))

var htmlTemplate = htmltemplate.Must(htmltemplate.New("html").Parse(`<!doctype html>
<html lang="en"><body style="font-family:sans-serif">
<ul>{{range .Events}}
<li><small>{{.When}}</small><br>{{if and .License $.URL}}<a href="{{$.URL}}/licenses/{{.License}}">{{.What}}</a>{{else}}{{.What}}{{end}}</li>{{end}}
</ul>{{if .More}}
<p>and {{.More}} more.</p>{{end}}
<p><small>Which notices you get is chosen in your account.{{if .URL}} <a href="{{.URL}}">{{.URL}}</a>{{end}}</small></p>
</body></html>
`))

func (l emailContent) render() (text, html string) {
	var t, h strings.Builder
	if err := textTemplate.Execute(&t, l); err != nil {
		panic(err) // our own template and types
	}
	if err := htmlTemplate.Execute(&h, l); err != nil {
		panic(err)
	}
	return t.String(), h.String()
}

// headlines are the types in words.
var headlines = map[licensing.EventType]string{
	licensing.LicenseCreated:         "A license was made",
	licensing.LicenseChanged:         "A license was changed",
	licensing.LicenseSuspended:       "A license was suspended",
	licensing.LicenseReinstated:      "A license was reinstated",
	licensing.LicenseRevoked:         "A license was revoked",
	licensing.LicenseDeleted:         "A license was deleted",
	licensing.LicenseExpiring:        "A license ends soon",
	licensing.LicenseExpired:         "A license has ended",
	licensing.LicenseNearlyExhausted: "A license is nearly used up",
	licensing.LicenseExhausted:       "A license is used up",
	licensing.ActivationCreated:      "An installation was activated",
	licensing.ActivationClosed:       "An installation was closed",
	licensing.ActivationRefused:      "An installation met a limit",
	licensing.ActivationRestored:     "An installation came back from an older state",
	licensing.CloneSuspected:         "Two seem to share one installation",
	licensing.RestoredTooOften:       "An installation came back from an older state too often",
	licensing.KeysChanged:            "The keys of a product were changed",
	licensing.KeysCompromised:        "A key was declared compromised",
	licensing.ServerRestored:         "The server was restored from a backup",
	licensing.ServerInterrupted:      "A change was cut short; look whether it was done",
	licensing.WebhookDisabled:        "A webhook was switched off",
}

func headline(t licensing.EventType) string { return headlines[t] }

// eventLine is an event in one line.
func eventLine(e Event) string {
	text := headline(e.Type)
	if who := e.Data.Customer; who != "" || e.Data.Name != "" {
		text += ": " + strings.Trim(e.Data.Name+", "+who, ", ")
	}
	d := e.Data.Details
	switch e.Type {
	case licensing.LicenseExpiring:
		text += fmt.Sprintf(" (in %s days, %v)", formatNumber(d["days"]), d["expires"])
	case licensing.LicenseExpired:
		text += fmt.Sprintf(" (%v)", d["expires"])
	case licensing.LicenseNearlyExhausted, licensing.LicenseExhausted:
		text += fmt.Sprintf(" (%s of %s)", formatNumber(d["used"]), formatNumber(d["allowance"]))
	case licensing.ActivationRefused:
		text += fmt.Sprintf(" (%v)", d["code"])
	case licensing.ServerInterrupted:
		text += fmt.Sprintf(" (%v)", d["action"])
	case licensing.WebhookDisabled:
		text += fmt.Sprintf(": %v, %v", d["url"], d["reason"])
	}
	return text
}

// formatNumber is a number that has come through JSON.
func formatNumber(number any) string {
	f, _ := number.(float64)
	return strconv.FormatFloat(f, 'f', -1, 64)
}
