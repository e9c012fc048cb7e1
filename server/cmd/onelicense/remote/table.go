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
)

// print writes JSON as people read it.
func print(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// details are members that a list leaves out: they are long, or matter only to who edits.
var details = []string{"description", "metadata", "revision", "updated"}

// table prints a list. Its columns are the members of the items that fit into one: first those that say which it is, then the rest by name.
func (d *document) table(out io.Writer, item *schema, items []json.RawMessage) error {
	if len(items) == 0 {
		_, err := fmt.Fprintln(out, "none")
		return err
	}
	var columns []string
	for _, name := range item.names() {
		s := d.resolve(item.Properties[name])
		if fits := s.scalar() || s.is("array") && d.resolve(s.Items).scalar(); fits && !slices.Contains(details, name) {
			columns = append(columns, name)
		}
	}
	slices.SortStableFunc(columns, func(a, b string) int { return rank(a) - rank(b) })
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	titles := make([]string, len(columns))
	for i, name := range columns {
		titles[i] = strings.ToUpper(strings.ReplaceAll(name, "_", " "))
	}
	fmt.Fprintln(w, strings.Join(titles, "\t"))
	for _, raw := range items {
		var one map[string]any
		if err := decode(string(raw), &one); err != nil {
			return err
		}
		cells := make([]string, len(columns))
		for i, name := range columns {
			cells[i] = cell(one[name])
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
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

// cell writes a value in one line.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return "-"
	case string:
		if v == "" {
			return "-"
		}
		return shown(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = cell(e)
		}
		if len(parts) == 0 {
			return "-"
		}
		return strings.Join(parts, ",")
	case map[string]any:
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
