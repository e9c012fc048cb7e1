package notify

import (
	"fmt"
	htmltemplate "html/template"
	"strconv"
	"strings"
	"text/template"

	"github.com/onelicense/onelicense/server/licensing/events"
)

// Templates of digests: short, and readable as text and as HTML.

// emailContent is the data of the templates.
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
Choose in your account which events are mailed to you.{{if .URL}} {{.URL}}{{end}}
`))

var htmlTemplate = htmltemplate.Must(htmltemplate.New("html").Parse(`<!doctype html>
<html lang="en"><body style="font-family:sans-serif">
<ul>{{range .Events}}
<li><small>{{.When}}</small><br>
{{if and .License $.URL}}<a href="{{$.URL}}/licenses/{{.License}}">{{.What}}</a>{{else}}{{.What}}{{end}}</li>{{end}}
</ul>{{if .More}}
<p>and {{.More}} more.</p>{{end}}
<p><small>Choose in your account which events are mailed to you.{{if .URL}} <a href="{{.URL}}">{{.URL}}</a>{{end}}</small></p>
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

// headlines are the types of event in words.
var headlines = map[events.Type]string{
	events.LicenseCreated:         "A license was created",
	events.LicenseChanged:         "A license was changed",
	events.LicenseSuspended:       "A license was suspended",
	events.LicenseReinstated:      "A license was reinstated",
	events.LicenseRevoked:         "A license was revoked",
	events.LicenseDeleted:         "A license was deleted",
	events.LicenseExpiring:        "A license expires soon",
	events.LicenseExpired:         "A license has expired",
	events.LicenseNearlyExhausted: "A license is nearly used up",
	events.LicenseExhausted:       "A license is used up",
	events.ActivationCreated:      "An installation was activated",
	events.ActivationClosed:       "An installation was deactivated",
	events.ActivationRefused:      "An installation was refused because of a limit",
	events.ActivationRestored:     "An installation was reactivated from an older state",
	events.CloneSuspected:         "Two machines seem to share one installation",
	events.RestoredTooOften:       "An installation was reactivated from an older state too often",
	events.KeysChanged:            "The keys of a product were changed",
	events.KeysCompromised:        "A key was declared compromised",
	events.ServerRestored:         "The server was restored from a backup",
	events.ServerInterrupted:      "A change was interrupted; check whether it was made",
	events.WebhookDisabled:        "A webhook was disabled",
}

func headline(t events.Type) string { return headlines[t] }

// eventLine returns an event in one line.
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

// formatNumber formats a number that was decoded from JSON.
func formatNumber(number any) string {
	f, _ := number.(float64)
	return strconv.FormatFloat(f, 'f', -1, 64)
}
