package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"slices"
	"strconv"
	"strings"
)

func golang(b *bytes.Buffer) []byte {
	out, err := format.Source(b.Bytes())
	if err != nil {
		panic(fmt.Sprintf("%v\n%s", err, b)) // the validated table always makes Go
	}
	return out
}

// domainType is the Go type of the member in the domain.
func (m member) domainType() string {
	switch {
	case m.GoType != "":
		return m.GoType
	case m.Kind == limit:
		return "Limit"
	case m.Kind == flag:
		return "bool"
	}
	return "int64"
}

// apiType is the Go type of the member in package api, without pointers.
func (m member) apiType() string {
	switch {
	case m.Kind == limit:
		return "int64"
	case m.GoType != "" && m.Kind == choice && !strings.Contains(m.GoType, "."):
		return "licensing." + m.GoType
	}
	return m.domainType()
}

func condition(applies map[string][]string, byName map[string]member) string {
	var all []string
	for _, name := range keys(applies) {
		var either []string
		for _, v := range applies[name] {
			either = append(either, fmt.Sprintf("p.%s == %q", byName[name].Go, v))
		}
		all = append(all, strings.Join(either, " || "))
	}
	if len(all) == 1 {
		return all[0]
	}
	return "(" + strings.Join(all, ") && (") + ")"
}

func index(members []member) map[string]member {
	byName := map[string]member{}
	for _, m := range members {
		byName[m.Name] = m
	}
	return byName
}

// domain writes the types, defaults and checks of package licensing.
func domain(members []member) []byte {
	var b bytes.Buffer
	byName := index(members)
	fmt.Fprintf(&b, `// %s

package licensing

import "github.com/onelicense/onelicense/license/lease"

// Policy controls how the licenses of a version behave. spec/policy.md describes each member. Durations are milliseconds; the tags are the
// names in the stores, which never change.
type Policy struct {
	lease.Settings
`, mark)
	for _, m := range members {
		if m.Lease == "" {
			comment(&b, strings.NewReplacer("null: ", "Unlimited: ", "Absent: ", "Empty: ").Replace(m.text()))
			fmt.Fprintf(&b, "\t%s %s `json:%q`\n", m.Go, m.domainType(), m.storedName())
		}
	}
	b.WriteString("}\n\n// The largest numbers of a policy.\nconst (\n")
	for _, m := range members {
		if m.numeric() {
			fmt.Fprintf(&b, "\tLargest%s = %d\n", m.Go, m.Max)
		}
	}
	b.WriteString(")\n\n// Overrides replaces single members of the version's policy for one license; nil keeps the version's.\n" +
		"type Overrides struct {\n")
	for _, m := range members {
		if m.Overridable {
			fmt.Fprintf(&b, "\t%s *%s `json:%q`\n", m.Go, m.domainType(), m.storedName()+",omitempty")
		}
	}
	b.WriteString(`}

// DefaultPolicy returns the policy of a request that names only its type and trigger.
func DefaultPolicy(kind lease.PolicyType, trigger lease.Trigger) Policy {
	var p Policy
	p.Type = kind
	p.Trigger = trigger
`)
	for _, m := range members {
		if m.Name != "type" && m.Name != "trigger" {
			fmt.Fprintf(&b, "\tp.%s = %s\n", m.Go, m.goDefault())
		}
	}
	for _, m := range members {
		for _, v := range m.Variants {
			fmt.Fprintf(&b, "\tif p.%s == %q {\n\t\tp.%s = %d\n\t}\n", byName[v.Member].Go, v.Value, m.Go, v.Default)
		}
	}
	b.WriteString("\treturn p\n}\n\n// DefaultTrigger is the trigger of a request that names none.\n")
	fmt.Fprintf(&b, "const DefaultTrigger lease.Trigger = %s\n\n", byName["trigger"].goDefault())
	b.WriteString("// WithOverrides returns the policy with the license's own values.\nfunc (p Policy) WithOverrides(o Overrides) Policy {\n")
	for _, m := range members {
		if m.Overridable {
			fmt.Fprintf(&b, "\tset(&p.%s, o.%s)\n", m.Go, m.Go)
		}
	}
	b.WriteString(`	return p
}

// Check returns an *Invalid for the first member that is out of its range or does not fit the others; at is where the policy stands in
// the request.
func (p Policy) Check(at string) error {
	return FirstError(
`)
	for _, m := range members {
		m.writeChecks(&b, byName)
	}
	b.WriteString("\t)\n}\n")
	return golang(&b)
}

// writeChecks writes the checks of one member as arguments of FirstError.
func (m member) writeChecks(b *bytes.Buffer, byName map[string]member) {
	applies := "true"
	if len(m.Applies) > 0 {
		applies = condition(m.Applies, byName)
	}
	if m.Strict {
		zero := "0"
		if m.Kind == choice {
			zero = `""`
		}
		fmt.Fprintf(b, "\t\tcheckAllowed(at+%q, p.%s != %s, %s, %q),\n", "."+m.Name, m.Go, zero, applies, m.only())
	}
	switch {
	case m.Kind == choice:
		var values []string
		if m.optional() {
			values = append(values, `""`)
		}
		for _, v := range m.Values {
			values = append(values, strconv.Quote(v.Value))
		}
		fmt.Fprintf(b, "\t\tcheckOneOf(at+%q, p.%s, %s),\n", "."+m.Name, m.Go, strings.Join(values, ", "))
	case m.Kind == limit:
		fmt.Fprintf(b, "\t\tp.%s.check(at+%q, %d, Largest%s),\n", m.Go, "."+m.Name, m.Min, m.Go)
	case m.numeric() && m.Strict:
		fmt.Fprintf(b, "\t\tcheckRangeIf(%s, at+%q, int64(p.%s), %d, Largest%s),\n", applies, "."+m.Name, m.Go, m.Min, m.Go)
	case m.numeric():
		fmt.Fprintf(b, "\t\tCheckRange(at+%q, int64(p.%s), %d, Largest%s),\n", "."+m.Name, m.Go, m.Min, m.Go)
	}
}

// comment writes a comment in lines of at most 130 characters.
func comment(b *bytes.Buffer, text string) {
	line := "\t//"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 130 {
			b.WriteString(line + "\n")
			line = "\t//"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// api writes the types and conversions of package api.
func api(members []member) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `// %s

package api

import (
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Policy is a version's policy in an answer. spec/policy.md describes each member.
type Policy struct {
`, mark)
	for _, m := range members {
		kind, tag := m.apiType(), m.Name
		if m.Kind == limit {
			kind = "*" + kind
		}
		if m.optional() {
			tag += ",omitempty"
		}
		fmt.Fprintf(&b, "\t%s %s `json:%q%s doc:%q`\n", m.Go, kind, tag, m.enumTag(), m.text())
	}
	b.WriteString("}\n\n// PolicyInput is a policy in a request: a member that is absent gets its default.\ntype PolicyInput struct {\n")
	for _, m := range members {
		kind, tag := "*"+m.apiType(), m.Name+",omitempty"
		switch {
		case m.Required:
			kind, tag = m.apiType(), m.Name
		case m.Kind == limit:
			kind = "Nullable[int64]"
		}
		fmt.Fprintf(&b, "\t%s %s `json:%q%s%s doc:%q`\n", m.Go, kind, tag, m.enumTag(), m.rangeTags(), m.input())
	}
	b.WriteString(`}

// Overrides replaces single members of the version's policy for one license; a member that is absent is the version's.
type Overrides struct {
`)
	for _, m := range members {
		if !m.Overridable {
			continue
		}
		kind, tag := "*"+m.apiType(), m.Name+",omitempty"
		if m.Kind == limit {
			kind, tag = "Nullable[int64]", m.Name+",omitzero"
		}
		fmt.Fprintf(&b, "\t%s %s `json:%q%s%s doc:%q`\n", m.Go, kind, tag, m.enumTag(), m.rangeTags(), m.text())
	}
	b.WriteString("}\n\nfunc toPolicy(p licensing.Policy) Policy {\n\tvar out Policy\n")
	for _, m := range members {
		if m.Kind == limit {
			fmt.Fprintf(&b, "\tout.%s = limitValue(p.%s)\n", m.Go, m.Go)
		} else {
			fmt.Fprintf(&b, "\tout.%s = p.%s\n", m.Go, m.Go)
		}
	}
	b.WriteString("\treturn out\n}\n\n// policy returns the domain's policy of an answer, such as a line of an export.\n" +
		"func (p Policy) policy() licensing.Policy {\n\tvar out licensing.Policy\n")
	for _, m := range members {
		if m.Kind == limit {
			fmt.Fprintf(&b, "\tout.%s = limitOf(p.%s)\n", m.Go, m.Go)
		} else {
			fmt.Fprintf(&b, "\tout.%s = p.%s\n", m.Go, m.Go)
		}
	}
	b.WriteString(`	return out
}

// policy returns the domain's policy, with defaults for the members that are absent.
func (p PolicyInput) policy() licensing.Policy {
	trigger := licensing.DefaultTrigger
	assign(&trigger, p.Trigger)
	out := licensing.DefaultPolicy(p.Type, trigger)
`)
	for _, m := range members {
		switch {
		case m.Name == "type" || m.Name == "trigger":
		case m.Kind == limit:
			fmt.Fprintf(&b, "\tassignLimit(&out.%s, p.%s)\n", m.Go, m.Go)
		default:
			fmt.Fprintf(&b, "\tassign(&out.%s, p.%s)\n", m.Go, m.Go)
		}
	}
	b.WriteString("\treturn out\n}\n\nfunc toOverrides(o licensing.Overrides) Overrides {\n\tvar out Overrides\n")
	for _, m := range members {
		switch {
		case !m.Overridable:
		case m.Kind == limit:
			fmt.Fprintf(&b, "\tout.%s = nullableLimit(o.%s)\n", m.Go, m.Go)
		default:
			fmt.Fprintf(&b, "\tout.%s = o.%s\n", m.Go, m.Go)
		}
	}
	b.WriteString("\treturn out\n}\n\nfunc (o Overrides) overrides() licensing.Overrides {\n\tvar out licensing.Overrides\n")
	for _, m := range members {
		switch {
		case !m.Overridable:
		case m.Kind == limit:
			fmt.Fprintf(&b, "\tout.%s = overriddenLimit(o.%s)\n", m.Go, m.Go)
		default:
			fmt.Fprintf(&b, "\tout.%s = o.%s\n", m.Go, m.Go)
		}
	}
	b.WriteString("\treturn out\n}\n")
	return golang(&b)
}

func (m member) enumTag() string {
	if m.Kind != choice {
		return ""
	}
	var values []string
	for _, v := range m.Values {
		values = append(values, v.Value)
	}
	return fmt.Sprintf(" enum:%q", strings.Join(values, ","))
}

func (m member) rangeTags() string {
	if !m.numeric() {
		return ""
	}
	least := m.Min
	if len(m.Applies) > 0 && m.Strict {
		least = 0 // where it does not apply
	}
	return fmt.Sprintf(" minimum:\"%d\" maximum:\"%d\"", least, m.Max)
}

// typescript writes the fields of the pages.
func typescript(members []member) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `// %s

/** The members of a policy in the order of the pages; spec/policy.md describes them. */
export const policyFields = [
`, mark)
	for _, m := range members {
		m.writeField(&b)
	}
	b.WriteString("] as const;\n\n/** Texts of the members and of the values of choices. */\nexport const policyTexts = {\n")
	for _, m := range members {
		fmt.Fprintf(&b, "  %s: {\n    label: %s,\n    hint: %s,\n", m.Name, quote(m.Label), quote(m.hint(m.Description)))
		if m.Zero != "" {
			fmt.Fprintf(&b, "    zero: %s,\n", quote(m.Zero))
		}
		if m.None != "" {
			fmt.Fprintf(&b, "    none: %s,\n", quote(m.None))
		}
		if m.Kind == flag {
			fmt.Fprintf(&b, "    on: %s,\n    off: %s,\n", quote(m.On), quote(m.Off))
		}
		for _, v := range m.Values {
			fmt.Fprintf(&b, "    %s: %s,\n", v.Value, quote(v.Label))
			if v.Hint != "" {
				fmt.Fprintf(&b, "    %s_hint: %s,\n", v.Value, quote(v.Hint))
			}
		}
		for _, v := range m.Variants {
			fmt.Fprintf(&b, "    label_%s: %s,\n    hint_%s: %s,\n", v.Value, quote(v.Label), v.Value, quote(m.hint(v.Description)))
		}
		b.WriteString("  },\n")
	}
	b.WriteString("} as const;\n")
	return b.Bytes()
}

func (m member) writeField(b *bytes.Buffer) {
	fmt.Fprintf(b, "  {\n    name: %q,\n    kind: %q,\n    section: %q,\n    advanced: %t,\n    overridable: %t,\n", m.Name, m.Kind, m.Section,
		m.Advanced, m.Overridable)
	initial := any(m.Default)
	if m.Suggest != nil {
		initial = *m.Suggest
	}
	fmt.Fprintf(b, "    initial: %s,\n", quote(initial))
	if m.numeric() {
		fmt.Fprintf(b, "    min: %d,\n    max: %d,\n", m.Min, m.Max)
	}
	if m.Unit != "" {
		fmt.Fprintf(b, "    unit: %q,\n", m.Unit)
	}
	if m.Per != "" {
		fmt.Fprintf(b, "    per: %q,\n", m.Per)
	}
	if m.Kind == choice {
		var values []string
		for _, v := range m.Values {
			values = append(values, v.Value)
		}
		cards := !slices.ContainsFunc(m.Values, func(v value) bool { return v.Hint == "" })
		fmt.Fprintf(b, "    values: %s,\n    cards: %t,\n    optional: %t,\n", quote(values), cards, m.optional())
	}
	if len(m.Applies) > 0 {
		fmt.Fprintf(b, "    applies: %s,\n    strict: %t,\n", quote(m.Applies), m.Strict)
	}
	for _, v := range m.Variants {
		fmt.Fprintf(b, "    variants: [{ member: %q, value: %q, initial: %d }],\n", v.Member, v.Value, v.Default)
	}
	b.WriteString("  },\n")
}

// hint is the text below a field of the page.
func (m member) hint(description string) string {
	switch {
	case m.ZeroHint != "":
		description += " 0: " + m.ZeroHint + "."
	case m.Zero != "":
		description += " 0: " + m.Zero + "."
	}
	if m.Kind == limit {
		description += " Empty: no limit."
	}
	return description
}

// quote writes a JSON value, which is TypeScript too.
func quote(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // the table's values always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}
