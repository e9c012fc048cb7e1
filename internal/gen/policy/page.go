package main

import (
	"bytes"
	"fmt"
	"strings"
)

const intro = `# Policy members

How the licenses of a version behave. The table ` + "`spec/policy.json`" + ` is the source of this page, of the types and checks of
server and API, and of the pages' fields; a new member is a row there, the rule that it stands for, and a test of that rule.

- **Limits**: ` + "`null`" + ` is no limit, a number is the limit, and 0 allows none at all. Answers always have the member.
  This holds for every limit of the API.
- **Durations** are whole milliseconds, and their names end in ` + "`_ms`" + `. Where 0 turns something off, the description says so.
- A **request** that leaves a member out gets the default. A policy is replaced as a whole.
- **Overrides** of a license replace single members for that license; a member that is absent is the version's.

`

// markdown writes the page for people.
func markdown(members []member) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- %s -->\n\n%s", mark, intro)
	b.WriteString("| member | kind | range | default | override | in a lease | description |\n|---|---|---|---|---|---|---|\n")
	for _, m := range members {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", m.Name, m.kindText(), m.rangeText(), m.defaultText(),
			yes(m.Overridable), code(m.Lease), strings.Join(append([]string{m.text()}, m.variantTexts()...), " "))
	}
	return b.Bytes()
}

func (m member) kindText() string {
	if m.Unit != "" {
		return m.Kind + " of " + m.Unit
	}
	return m.Kind
}

func (m member) rangeText() string {
	switch {
	case m.Kind == choice:
		var names []string
		for _, v := range m.Values {
			names = append(names, code(v.Value))
		}
		return strings.Join(names, ", ")
	case m.Kind == limit:
		return fmt.Sprintf("null, %d to %d", m.Min, m.Max)
	case m.numeric():
		return fmt.Sprintf("%d to %d", m.Min, m.Max)
	}
	return "`true`, `false`"
}

func (m member) defaultText() string {
	switch {
	case m.Required:
		return "required"
	case m.optional():
		return "absent"
	case m.Default == nil:
		return "null"
	}
	d := fmt.Sprint(m.Default)
	for _, v := range m.Variants {
		d += fmt.Sprintf("; %d with %s `%s`", v.Default, v.Member, v.Value)
	}
	return d
}

func (m member) variantTexts() (texts []string) {
	for _, v := range m.Variants {
		texts = append(texts, fmt.Sprintf("With %s `%s`: %s%s", v.Member, v.Value, strings.ToLower(v.Description[:1]), v.Description[1:]))
	}
	return texts
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
