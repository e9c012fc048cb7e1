package apicmd

import (
	"net/http"
	"strings"
	"unicode"
)

// Names come from the document: a command's group is the route's tag, and its verb what the operation's id says besides the tag. The tag
// licenses has createLicense (create), createLicenses (create-many), listLicenses (list), getLicense (get) and getLicenseFile (file).

func (o *operation) group() string { return kebabCase(o.Tags[0]) }

// verbs are the names of commands for which the rule gives none that a person would guess.
var verbs = map[string]string{
	"sync":                         "exchange",
	"getMyNotifications":           "get-my",
	"getOrganisationNotifications": "get-organisation",
	"listAllTokens":                "list-all",
}

// groupHelp describes the groups; one that is missing here shows its commands.
var groupHelp = map[string]string{
	"activations":   "List, name and deactivate installations, and manage their reservations",
	"client":        "Exchange offline requests, download public keys and revocation lists",
	"customers":     "Create, list, update and delete customers",
	"events":        "List the events of the organisation or of a license",
	"licenses":      "Create, list, update, suspend, revoke, import and export licenses",
	"members":       "Invite, list, update and remove members",
	"notifications": "Choose which events are mailed",
	"products":      "Create, list, update, archive and delete products",
	"session":       "Log in, and manage your own password, second factor and sessions",
	"tokens":        "Create, list and revoke API tokens",
	"usage":         "Show the usage of a license, now and in past periods",
	"versions":      "Create, list, update, archive and delete versions and their policies",
	"webhooks":      "Create, test and update webhooks, and list their deliveries",
}

func (o *operation) verb() string {
	if verb, ok := verbs[o.ID]; ok {
		return verb
	}
	many := kebabCase(o.Tags[0])
	one := singular(many)
	var rest []string
	plural := false
	for word := range strings.SplitSeq(kebabCase(o.ID), "-") {
		switch word {
		case one:
		case many:
			plural = true
		default:
			rest = append(rest, word)
		}
	}
	if o.method == http.MethodGet && len(rest) > 1 && (rest[0] == "get" || rest[0] == "list") {
		rest = rest[1:] // the noun is enough
	}
	verb := strings.Join(rest, "-")
	switch {
	case verb == "":
		return kebabCase(o.ID)
	case plural && o.document.hasOtherCommand(strings.Replace(o.ID, capitalize(o.Tags[0]), capitalize(singular(o.Tags[0])), 1), o):
		return verb + "-many"
	}
	return verb
}

// hasOtherCommand reports whether an operation other than but has the id.
func (d *document) hasOtherCommand(id string, but *operation) bool {
	for _, methods := range d.Paths {
		for _, op := range methods {
			if op.ID == id && op != but {
				return true
			}
		}
	}
	return false
}

// argumentName returns the name of a path parameter in a command's usage: that of its collection, in the singular.
func (o *operation) argumentName(p parameter) string {
	before, _, _ := strings.Cut(o.path, "/{"+p.Name+"}")
	name := before[strings.LastIndexByte(before, '/')+1:]
	if p.Name != "id" {
		name = p.Name
	}
	return strings.ToUpper(strings.ReplaceAll(singular(kebabCase(name)), "-", "_"))
}

func singular(noun string) string {
	if rest, ok := strings.CutSuffix(noun, "ies"); ok {
		return rest + "y"
	}
	return strings.TrimSuffix(noun, "s")
}

func capitalize(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// kebabCase writes a name of the document as commands and flags are written: setUp, max_retries and exportCSV as set-up, max-retries and
// export-csv.
func kebabCase(name string) string {
	var b strings.Builder
	before := '-'
	for _, r := range name {
		switch {
		case r == '_' || r == ' ':
			b.WriteByte('-')
		case unicode.IsUpper(r):
			if unicode.IsLower(before) || unicode.IsDigit(before) {
				b.WriteByte('-')
			}
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}
