package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// print writes JSON as people read it.
func print(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// details are members that a list leaves out: they are long, or matter only to who edits.
var details = []string{"description", "metadata", "revision", "updated", "policy", "overrides", "changed", "evidence", "attempts", "body", "chain", "previous", "organisation"}

// column is a member of a list's items, or one of a record within: an actor's name, say.
type column []string

func (c column) name() string { return strings.Join(c, ".") }

func (c column) in(item any) any {
	for _, name := range c {
		below, _ := item.(map[string]any)
		item = below[name]
	}
	return item
}

// columns are the members of an item that fit into one cell: first those that say which it is, then the rest by name.
func (d *document) columns(item *schema) []column {
	var all []column
	for _, name := range item.names() {
		s := d.resolve(item.Properties[name])
		if slices.Contains(details, name) {
			continue
		}
		if len(s.Properties) == 0 || s.problem() {
			if !s.is("array") || d.resolve(s.Items).scalar() {
				all = append(all, column{name})
			}
			continue
		}
		for _, below := range d.columns(s) {
			all = append(all, append(column{name}, below...))
		}
	}
	slices.SortStableFunc(all, func(a, b column) int { return rank(a.name()) - rank(b.name()) })
	return all
}

// problem tells whether it is what went wrong with an item: told in one cell, and a failure of the call.
func (s *schema) problem() bool { return s.Properties["code"] != nil && s.Properties["detail"] != nil }

// table prints a list: its columns where something stands. On a terminal that is narrower it is one record below the other.
func (d *document) table(out io.Writer, item *schema, items []json.RawMessage) error {
	if len(items) == 0 {
		_, err := fmt.Fprintln(out, "none")
		return err
	}
	all := make([]any, len(items))
	for n, raw := range items {
		if err := decode(string(raw), &all[n]); err != nil {
			return err
		}
	}
	columns := slices.DeleteFunc(d.columns(item), func(c column) bool {
		return !slices.ContainsFunc(all, func(one any) bool { return cell(c.in(one)) != nothing })
	})
	text := tabulated(columns, all)
	if width := widthOf(out); width > 0 && widest(text) > width {
		text = listed(columns, all)
	}
	_, err := io.WriteString(out, text)
	return err
}

func tabulated(columns []column, items []any) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	line := func(of func(column) string) {
		cells := make([]string, len(columns))
		for n, c := range columns {
			cells[n] = of(c)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	line(func(c column) string {
		return strings.ToUpper(strings.NewReplacer("_", " ", ".", " ").Replace(c.name()))
	})
	for _, one := range items {
		line(func(c column) string { return cell(c.in(one)) })
	}
	_ = w.Flush() // a Builder takes everything
	return text.String()
}

func listed(columns []column, items []any) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for n, one := range items {
		if n > 0 {
			fmt.Fprintln(w)
		}
		for _, c := range columns {
			if shown := cell(c.in(one)); shown != nothing {
				fmt.Fprintf(w, "%s\t%s\n", c.name(), shown)
			}
		}
	}
	_ = w.Flush()
	return text.String()
}

func widest(text string) (most int) {
	for line := range strings.Lines(text) {
		most = max(most, utf8.RuneCountInString(strings.TrimRight(line, " \n")))
	}
	return most
}

// widthOf is that of a terminal; 0 for everything else, which has room for any line.
func widthOf(out io.Writer) int {
	if !terminal(out) {
		return 0
	}
	width, _, err := term.GetSize(int(out.(descriptor).Fd()))
	if err != nil {
		return 0
	}
	return width
}

// record prints one record, a member to a line.
func record(out io.Writer, text []byte) error {
	var value any
	if err := decode(string(text), &value); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	lines(w, "", value)
	return w.Flush()
}

func lines(w io.Writer, name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, below := range slices.SortedStableFunc(maps.Keys(v), func(a, b string) int {
			if r := rank(a) - rank(b); r != 0 {
				return r
			}
			return strings.Compare(a, b)
		}) {
			lines(w, strings.TrimPrefix(name+"."+below, "."), v[below])
		}
	case []any:
		if slices.ContainsFunc(v, func(e any) bool { _, ok := e.(map[string]any); return ok }) {
			for _, e := range v {
				fmt.Fprintf(w, "%s\t%s\n", shown(name), cell(e))
			}
			return
		}
		fmt.Fprintf(w, "%s\t%s\n", shown(name), cell(v))
	default:
		fmt.Fprintf(w, "%s\t%s\n", shown(name), cell(v))
	}
}

// rank puts first what tells records apart.
func rank(name string) int {
	if i := slices.Index([]string{"id", "name"}, name); i >= 0 {
		return i
	}
	return 2
}

// nothing is what a cell shows where there is nothing.
const nothing = "-"

// cell writes a value in one line.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return nothing
	case string:
		if v == "" {
			return nothing
		}
		return shown(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = cell(e)
		}
		if len(parts) == 0 {
			return nothing
		}
		return strings.Join(parts, ",")
	case map[string]any:
		if len(v) == 0 {
			return nothing
		}
		if code, detail := v["code"], v["detail"]; code != nil && detail != nil {
			return cell(code) + ": " + cell(detail)
		}
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, shown(name)+"="+cell(v[name]))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(value)
}

// shown is a text that does nothing to a terminal: what a customer is called must not move the cursor.
func shown(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar }) {
		return text
	}
	quoted := strconv.QuoteToGraphic(text)
	return quoted[1 : len(quoted)-1]
}
