package api

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Licenses as a sheet: CSV (RFC 4180) in UTF-8 with the names of the columns in its first line. Contexts are separated by commas, and so
// are entitlements, each with its slots after a colon if it has a number; metadata and overrides are JSON; times are RFC 3339.
//
// A cell that begins with one of = + - @ ' or a tab or return is written with an apostrophe before it, for programs that show sheets take
// such cells for formulas and run them. Reading takes that one apostrophe off again, so that what is written is what is read.

// csvColumns of a sheet. Those without a setter are only written: a sheet that was exported can be imported, and makes new licenses.
var csvColumns = []struct {
	name string
	get  func(License) string
	set  func(*CreateLicenseInput, string) error
}{
	{"id", func(l License) string { return l.ID }, nil},
	{"product", func(l License) string { return l.Product }, nil},
	{"version", func(l License) string { return l.Version }, nil},
	{"name", func(l License) string { return l.Name }, func(n *CreateLicenseInput, s string) error { n.Name = s; return nil }},
	{"customer", func(l License) string { return l.Customer }, func(n *CreateLicenseInput, s string) error { n.Customer = s; return nil }},
	{"contexts", func(l License) string { return strings.Join(l.Contexts, ",") },
		func(n *CreateLicenseInput, s string) error { n.Contexts = splitList(s); return nil }},
	{"entitlements", func(l License) string { return formatEntitlements(l.Entitlements) }, func(n *CreateLicenseInput, s string) (err error) {
		n.Entitlements, err = parseEntitlements(s)
		return err
	}},
	{"allowance", func(l License) string { return formatNumber(nullAsUnlimited(l.Allowance)) },
		func(n *CreateLicenseInput, s string) (err error) {
			return parseAllowance(s, &n.Allowance)
		}},
	{"expires", func(l License) string { return formatTime(l.Expires) }, func(n *CreateLicenseInput, s string) (err error) {
		n.Expires, err = parseTime(s)
		return err
	}},
	{"expires_after_ms", func(l License) string { return formatNumber(l.ExpiresAfterMS) }, func(n *CreateLicenseInput, s string) (err error) {
		n.ExpiresAfterMS, err = parseNumber(s)
		return err
	}},
	{"expires_from", func(l License) string { return string(l.ExpiresFrom) }, func(n *CreateLicenseInput, s string) error {
		n.ExpiresFrom = licensing.TermFrom(s)
		return nil
	}},
	{"trial", func(l License) string { return strconv.FormatBool(l.Trial) }, func(n *CreateLicenseInput, s string) (err error) {
		if s != "" {
			if n.Trial, err = strconv.ParseBool(s); err != nil {
				return errors.New("is neither true nor false")
			}
		}
		return nil
	}},
	{"maintenance", func(l License) string { return formatTime(l.Maintenance) }, func(n *CreateLicenseInput, s string) (err error) {
		n.Maintenance, err = parseTime(s)
		return err
	}},
	{"status", func(l License) string { return string(l.Status) }, nil},
	{"archived", func(l License) string { return strconv.FormatBool(l.Archived) }, nil},
	{"overrides", func(l License) string { return formatJSON(l.Overrides) },
		func(n *CreateLicenseInput, s string) error { return parseJSON(s, &n.Overrides) }},
	{"metadata", func(l License) string { return formatJSON(l.Metadata) },
		func(n *CreateLicenseInput, s string) error { return parseJSON(s, &n.Metadata) }},
	{"revision", func(l License) string { return formatNumber(l.Revision) }, nil},
	{"created", func(l License) string { return formatTime(&l.Created) }, nil},
	{"updated", func(l License) string { return formatTime(&l.Updated) }, nil},
}

// csvHeader is the first line.
func csvHeader() (names []string) {
	for _, c := range csvColumns {
		names = append(names, c.name)
	}
	return names
}

// csvRow writes one license.
func csvRow(l License) (cells []string) {
	for _, c := range csvColumns {
		cells = append(cells, escapeFormula(c.get(l)))
	}
	return cells
}

const formulaPrefixes = "=+-@'\t\r"

// escapeFormula makes a cell text, whatever a program for sheets thinks of it; disarmed is what it was.
func escapeFormula(cell string) string {
	if cell != "" && strings.IndexByte(formulaPrefixes, cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}

func unescapeFormula(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte(formulaPrefixes, cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}

// importErrors lists the faults of a CSV or JSON import, each with its place.
type importErrors []licensing.Invalid

// maxImportErrors is the number of faults that an answer lists: more of them are one mistake many times.
const maxImportErrors = 100

func (f *importErrors) add(where string, err error) error {
	var invalid *licensing.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	if len(*f) < maxImportErrors {
		*f = append(*f, licensing.Invalid{Field: where + "." + invalid.Field, Problem: invalid.Problem})
	}
	return nil
}

// readCSV reads licenses to be made. What is wrong with single cells is told of all of them.
func readCSV(text []byte, most int) (list []CreateLicenseInput, where []string, wrong importErrors, err error) {
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	r := csv.NewReader(bytes.NewReader(text))
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, nil, &licensing.Invalid{Field: "line 1", Problem: "is missing: it names the columns"}
	}
	if err != nil {
		return nil, nil, nil, csvError(err)
	}
	setters := make([]func(*CreateLicenseInput, string) error, len(head))
	for i, name := range head {
		at := slices.IndexFunc(csvColumns, func(c struct {
			name string
			get  func(License) string
			set  func(*CreateLicenseInput, string) error
		}) bool {
			return c.name == name
		})
		switch {
		case at < 0:
			return nil, nil, nil, &licensing.Invalid{Field: fmt.Sprintf("line 1.column %d", i+1),
				Problem: fmt.Sprintf("is named %q; the columns are %s", strings.ToValidUTF8(name, "?"), strings.Join(csvHeader(), ", "))}
		case slices.Contains(head[:i], name):
			return nil, nil, nil, &licensing.Invalid{Field: "line 1." + name, Problem: "stands there twice"}
		}
		setters[i] = csvColumns[at].set
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list, where, wrong, nil
		}
		if err != nil {
			return nil, nil, nil, csvError(err)
		}
		if len(list) == most {
			return nil, nil, nil, &licensing.Invalid{Field: "body", Problem: fmt.Sprintf("has more than %d licenses", most)}
		}
		line, _ := r.FieldPos(0)
		at := "line " + strconv.Itoa(line)
		var one CreateLicenseInput
		for i, cell := range cells {
			if setters[i] == nil {
				continue
			}
			if err := setters[i](&one, unescapeFormula(cell)); err != nil && len(wrong) < maxImportErrors {
				wrong = append(wrong, licensing.Invalid{Field: at + "." + head[i], Problem: err.Error()})
			}
		}
		list, where = append(list, one), append(where, at)
	}
}

func csvError(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &licensing.Invalid{Field: "line " + strconv.Itoa(parse.Line),
			Problem: fmt.Sprintf("is no line of a sheet, at column %d: %v", parse.Column, parse.Err)}
	}
	return err
}

func splitList(cell string) []string {
	var list []string
	for item := range strings.SplitSeq(cell, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func formatEntitlements(list []Entitlement) string {
	var items []string
	for _, e := range list {
		item := e.Name
		if e.Slots != nil {
			item += ":" + strconv.Itoa(*e.Slots)
		}
		items = append(items, item)
	}
	return strings.Join(items, ",")
}

func parseEntitlements(cell string) (list []Entitlement, err error) {
	for _, item := range splitList(cell) {
		name, slots, counted := strings.Cut(item, ":")
		e := Entitlement{Name: name}
		if counted {
			n, err := strconv.Atoi(slots)
			if err != nil || n < 1 || n > license.MaxSlots {
				return nil, fmt.Errorf("has %q for a number of slots; leave the colon out for no limit", slots)
			}
			e.Slots = &n
		}
		list = append(list, e)
	}
	return list, nil
}

func formatNumber(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// parseAllowance reads a number of calls; an empty cell is no limit.
func parseAllowance(cell string, to *Nullable[int64]) error {
	n, err := parseNumber(cell)
	if err == nil && cell != "" {
		*to = Nullable[int64]{IsGiven: true, Value: &n}
	}
	return err
}

func parseNumber(cell string) (int64, error) {
	if cell == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cell, 10, 64)
	if err != nil {
		return 0, errors.New("is no whole number")
	}
	return n, nil
}

func formatTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

func parseTime(cell string) (*time.Time, error) {
	if cell == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, cell)
	if err != nil {
		return nil, errors.New("is no time such as 2030-01-02T03:04:05Z")
	}
	return &t, nil
}

func formatJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers: a bug of ours
	}
	if string(b) == "{}" {
		return ""
	}
	return string(b)
}

func parseJSON(cell string, v any) error {
	if cell == "" {
		return nil
	}
	return decodeStrict([]byte(cell), v)
}
