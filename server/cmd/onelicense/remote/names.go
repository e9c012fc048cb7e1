package remote

import (
	"net/http"
	"strings"
	"unicode"
)

// Names come from the document: a command's group is the route's tag, and its verb what the route's name says beside that. The tag licenses
// has createLicense (create), licenses (list), license (get) and licenseFile (file).

func (o *operation) group() string { return hyphened(o.Tags[0]) }

func (o *operation) verb() string {
	tag := o.Tags[0]
	one := singular(tag)
	switch {
	case o.ID == tag && o.method == http.MethodGet && o.listed() != nil:
		return "list"
	case (o.ID == one || o.ID == tag) && o.method == http.MethodGet:
		return "get"
	}
	id := o.ID
	for _, noun := range []string{tag, one} {
		if rest, ok := strings.CutSuffix(id, title(noun)); ok && rest != "" {
			return hyphened(rest)
		}
		if rest, ok := strings.CutPrefix(id, noun); ok && rest != "" && unicode.IsUpper(rune(rest[0])) {
			return hyphened(rest)
		}
	}
	return hyphened(id)
}

// argument is how a command's use names what stands in the path: after the collection that it is one of.
func (o *operation) argument(p parameter) string {
	before, _, _ := strings.Cut(o.path, "/{"+p.Name+"}")
	name := before[strings.LastIndexByte(before, '/')+1:]
	if p.Name != "id" {
		name = p.Name
	}
	return strings.ToUpper(strings.ReplaceAll(singular(hyphened(name)), "-", "_"))
}

func singular(noun string) string {
	if rest, ok := strings.CutSuffix(noun, "ies"); ok {
		return rest + "y"
	}
	return strings.TrimSuffix(noun, "s")
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// hyphened writes a name of the document as commands and flags are written: setUp and max_retries as set-up and max-retries.
func hyphened(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case r == '_' || r == ' ':
			b.WriteByte('-')
		case unicode.IsUpper(r):
			if i > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
