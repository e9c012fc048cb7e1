package notify

import (
	"fmt"
	htmltemplate "html/template"
	"strconv"
	"strings"
	"text/template"

	"github.com/onelicense/onelicense/server/licensing/events"
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
var headlines = map[events.Type]string{
	events.LicenseCreated:         "A license was made",
	events.LicenseChanged:         "A license was changed",
	events.LicenseSuspended:       "A license was suspended",
	events.LicenseReinstated:      "A license was reinstated",
	events.LicenseRevoked:         "A license was revoked",
	events.LicenseDeleted:         "A license was deleted",
	events.LicenseExpiring:        "A license ends soon",
	events.LicenseExpired:         "A license has ended",
	events.LicenseNearlyExhausted: "A license is nearly used up",
	events.LicenseExhausted:       "A license is used up",
	events.ActivationCreated:      "An installation was activated",
	events.ActivationClosed:       "An installation was closed",
	events.ActivationRefused:      "An installation met a limit",
	events.ActivationRestored:     "An installation came back from an older state",
	events.CloneSuspected:         "Two seem to share one installation",
	events.RestoredTooOften:       "An installation came back from an older state too often",
	events.KeysChanged:            "The keys of a product were changed",
	events.KeysCompromised:        "A key was declared compromised",
	events.ServerRestored:         "The server was restored from a backup",
	events.ServerInterrupted:      "A change was cut short; look whether it was done",
	events.WebhookDisabled:        "A webhook was switched off",
}

func headline(t events.Type) string { return headlines[t] }

// eventLine is an event in one line.
func eventLine(e Event) string {
	text := headline(e.Type)
	if who := e.Data.Customer; who != "" || e.Data.Name != "" {
		text += ": " + strings.Trim(e.Data.Name+", "+who, ", ")
	}
	d := e.Data.Details
	switch e.Type {
	case events.LicenseExpiring:
		text += fmt.Sprintf(" (in %s days, %v)", formatNumber(d["days"]), d["expires"])
	case events.LicenseExpired:
		text += fmt.Sprintf(" (%v)", d["expires"])
	case events.LicenseNearlyExhausted, events.LicenseExhausted:
		text += fmt.Sprintf(" (%s of %s)", formatNumber(d["used"]), formatNumber(d["allowance"]))
	case events.ActivationRefused:
		text += fmt.Sprintf(" (%v)", d["code"])
	case events.ServerInterrupted:
		text += fmt.Sprintf(" (%v)", d["action"])
	case events.WebhookDisabled:
		text += fmt.Sprintf(": %v, %v", d["url"], d["reason"])
	}
	return text
}

// formatNumber is a number that has come through JSON.
func formatNumber(number any) string {
	f, _ := number.(float64)
	return strconv.FormatFloat(f, 'f', -1, 64)
}
