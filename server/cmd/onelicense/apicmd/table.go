package apicmd

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

// printJSON writes indented JSON.
func printJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// hiddenColumns are members that tables leave out: they are long, or needed for edits only.
var hiddenColumns = []string{
	"description",
	"metadata",
	"revision",
	"updated",
	"policy",
	"overrides",
	"changed",
	"changed_parts",
	"evidence",
	"attempts",
	"body",
	"chain",
	"previous",
	"organisation",
}

// column is the path of a member of a list's items: ["actor", "name"] is actor.name.
type column []string

func (c column) name() string { return strings.Join(c, ".") }

func (c column) valueIn(item any) any {
	for _, name := range c {
		below, _ := item.(map[string]any)
		item = below[name]
	}
	return item
}

// columns returns the members of an item that fit into one cell: identifying ones first, then the rest by name.
func (d *document) columns(item *schema) []column {
	var all []column
	for _, name := range item.memberNames() {
		s := d.resolve(item.Properties[name])
		if slices.Contains(hiddenColumns, name) {
			continue
		}
		if len(s.Properties) == 0 || s.isProblem() {
			if !s.hasType("array") || d.resolve(s.Items).isScalar() {
				all = append(all, column{name})
			}
			continue
		}
		for _, below := range d.columns(s) {
			all = append(all, append(column{name}, below...))
		}
	}
	slices.SortStableFunc(all, func(a, b column) int { return columnRank(a.name()) - columnRank(b.name()) })
	return all
}

// isProblem reports whether the schema is a problem of one item, which is printed in one cell and makes the command fail.
func (s *schema) isProblem() bool {
	return s.Properties["code"] != nil && s.Properties["detail"] != nil
}

// printTable prints a list as a table, without empty columns. On a terminal that is too narrow it prints one record below the other.
func (d *document) printTable(out io.Writer, item *schema, items []json.RawMessage) error {
	if len(items) == 0 {
		_, err := fmt.Fprintln(out, "none")
		return err
	}
	all := make([]any, len(items))
	for n, raw := range items {
		if err := decodeJSON(string(raw), &all[n]); err != nil {
			return err
		}
	}
	columns := slices.DeleteFunc(d.columns(item), func(c column) bool {
		return !slices.ContainsFunc(all, func(one any) bool { return formatCell(c.valueIn(one)) != emptyCell })
	})
	text := formatTable(columns, all)
	if width := terminalWidth(out); width > 0 && maxLineWidth(text) > width {
		text = formatRecords(columns, all)
	}
	_, err := io.WriteString(out, text)
	return err
}

func formatTable(columns []column, items []any) string {
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
		line(func(c column) string { return formatCell(c.valueIn(one)) })
	}
	_ = w.Flush() // a Builder accepts everything
	return text.String()
}

func formatRecords(columns []column, items []any) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for n, one := range items {
		if n > 0 {
			fmt.Fprintln(w)
		}
		for _, c := range columns {
			if shown := formatCell(c.valueIn(one)); shown != emptyCell {
				fmt.Fprintf(w, "%s\t%s\n", c.name(), shown)
			}
		}
	}
	_ = w.Flush()
	return text.String()
}

func maxLineWidth(text string) (most int) {
	for line := range strings.Lines(text) {
		most = max(most, utf8.RuneCountInString(strings.TrimRight(line, " \n")))
	}
	return most
}

// terminalWidth returns the width of a terminal; 0 for everything else, which has room for any line.
func terminalWidth(out io.Writer) int {
	if !terminalFD(out) {
		return 0
	}
	width, _, err := term.GetSize(int(out.(fileDescriptor).Fd()))
	if err != nil {
		return 0
	}
	return width
}

// printRecord prints one record, one member per line.
func printRecord(out io.Writer, text []byte) error {
	var value any
	if err := decodeJSON(string(text), &value); err != nil {
		return fmt.Errorf("reading the response: %w", err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	printMember(w, "", value)
	return w.Flush()
}

func printMember(w io.Writer, name string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, below := range slices.SortedStableFunc(maps.Keys(v), func(a, b string) int {
			if r := columnRank(a) - columnRank(b); r != 0 {
				return r
			}
			return strings.Compare(a, b)
		}) {
			printMember(w, strings.TrimPrefix(name+"."+below, "."), v[below])
		}
	case []any:
		if slices.ContainsFunc(v, func(e any) bool { _, ok := e.(map[string]any); return ok }) {
			for _, e := range v {
				fmt.Fprintf(w, "%s\t%s\n", printable(name), formatCell(e))
			}
			return
		}
		fmt.Fprintf(w, "%s\t%s\n", printable(name), formatCell(v))
	default:
		fmt.Fprintf(w, "%s\t%s\n", printable(name), formatCell(v))
	}
}

// columnRank sorts identifying columns first.
func columnRank(name string) int {
	if i := slices.Index([]string{"id", "name"}, name); i >= 0 {
		return i
	}
	return 2
}

// emptyCell stands for an absent value.
const emptyCell = "-"

// formatCell returns a value as one line.
func formatCell(value any) string {
	switch v := value.(type) {
	case nil:
		return emptyCell
	case string:
		if v == "" {
			return emptyCell
		}
		return printable(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = formatCell(e)
		}
		if len(parts) == 0 {
			return emptyCell
		}
		return strings.Join(parts, ",")
	case map[string]any:
		if len(v) == 0 {
			return emptyCell
		}
		if code, detail := v["code"], v["detail"]; code != nil && detail != nil {
			return formatCell(code) + ": " + formatCell(detail)
		}
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, printable(name)+"="+formatCell(v[name]))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(value)
}

// printable replaces control characters, so that a name that a customer chose cannot control the terminal.
func printable(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar }) {
		return text
	}
	quoted := strconv.QuoteToGraphic(text)
	return quoted[1 : len(quoted)-1]
}
