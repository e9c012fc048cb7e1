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

// columns of a sheet. Those without a setter are only written: a sheet that was exported can be imported, and makes new licenses.
var columns = []struct {
	name string
	get  func(License) string
	set  func(*LicenseNew, string) error
}{
	{"id", func(l License) string { return l.ID }, nil},
	{"product", func(l License) string { return l.Product }, nil},
	{"version", func(l License) string { return l.Version }, nil},
	{"name", func(l License) string { return l.Name }, func(n *LicenseNew, s string) error { n.Name = s; return nil }},
	{"customer", func(l License) string { return l.Customer }, func(n *LicenseNew, s string) error { n.Customer = s; return nil }},
	{"contexts", func(l License) string { return strings.Join(l.Contexts, ",") }, func(n *LicenseNew, s string) error { n.Contexts = listOf(s); return nil }},
	{"entitlements", func(l License) string { return joined(l.Entitlements) }, func(n *LicenseNew, s string) (err error) {
		n.Entitlements, err = entitlementsOf(s)
		return err
	}},
	{"allowance", func(l License) string { return number(l.Allowance) }, func(n *LicenseNew, s string) (err error) {
		n.Allowance, err = numberOf(s)
		return err
	}},
	{"expires", func(l License) string { return stamped(l.Expires) }, func(n *LicenseNew, s string) (err error) {
		n.Expires, err = stampOf(s)
		return err
	}},
	{"expires_after", func(l License) string { return number(l.ExpiresAfter) }, func(n *LicenseNew, s string) (err error) {
		n.ExpiresAfter, err = numberOf(s)
		return err
	}},
	{"expires_from", func(l License) string { return string(l.ExpiresFrom) }, func(n *LicenseNew, s string) error {
		n.ExpiresFrom = licensing.TermFrom(s)
		return nil
	}},
	{"trial", func(l License) string { return strconv.FormatBool(l.Trial) }, func(n *LicenseNew, s string) (err error) {
		if s != "" {
			if n.Trial, err = strconv.ParseBool(s); err != nil {
				return errors.New("is neither true nor false")
			}
		}
		return nil
	}},
	{"maintenance", func(l License) string { return stamped(l.Maintenance) }, func(n *LicenseNew, s string) (err error) {
		n.Maintenance, err = stampOf(s)
		return err
	}},
	{"status", func(l License) string { return string(l.Status) }, nil},
	{"archived", func(l License) string { return strconv.FormatBool(l.Archived) }, nil},
	{"overrides", func(l License) string { return object(l.Overrides) }, func(n *LicenseNew, s string) error { return objectOf(s, &n.Overrides) }},
	{"metadata", func(l License) string { return object(l.Metadata) }, func(n *LicenseNew, s string) error { return objectOf(s, &n.Metadata) }},
	{"revision", func(l License) string { return number(l.Revision) }, nil},
	{"created", func(l License) string { return stamped(&l.Created) }, nil},
	{"updated", func(l License) string { return stamped(&l.Updated) }, nil},
}

// sheetHead is the first line.
func sheetHead() (names []string) {
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

// sheetLine writes one license.
func sheetLine(l License) (cells []string) {
	for _, c := range columns {
		cells = append(cells, armed(c.get(l)))
	}
	return cells
}

const formula = "=+-@'\t\r"

// armed makes a cell text, whatever a program for sheets thinks of it; disarmed is what it was.
func armed(cell string) string {
	if cell != "" && strings.IndexByte(formula, cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}

func disarmed(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte(formula, cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}

// faults are what is wrong with a sheet or a list, each with the place where it stands.
type faults []licensing.Invalid

// faultsMost is how many are told; who has more has one mistake many times.
const faultsMost = 100

func (f *faults) add(where string, err error) error {
	var invalid *licensing.Invalid
	if !errors.As(err, &invalid) {
		return err
	}
	if len(*f) < faultsMost {
		*f = append(*f, licensing.Invalid{Field: where + "." + invalid.Field, Problem: invalid.Problem})
	}
	return nil
}

// readSheet reads licenses to be made. What is wrong with single cells is told of all of them.
func readSheet(text []byte, most int) (list []LicenseNew, where []string, wrong faults, err error) {
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	r := csv.NewReader(bytes.NewReader(text))
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, nil, &licensing.Invalid{Field: "line 1", Problem: "is missing: it names the columns"}
	}
	if err != nil {
		return nil, nil, nil, lineError(err)
	}
	setters := make([]func(*LicenseNew, string) error, len(head))
	for i, name := range head {
		at := slices.IndexFunc(columns, func(c struct {
			name string
			get  func(License) string
			set  func(*LicenseNew, string) error
		}) bool {
			return c.name == name
		})
		switch {
		case at < 0:
			return nil, nil, nil, &licensing.Invalid{Field: fmt.Sprintf("line 1.column %d", i+1), Problem: fmt.Sprintf("is named %q; the columns are %s", strings.ToValidUTF8(name, "?"), strings.Join(sheetHead(), ", "))}
		case slices.Contains(head[:i], name):
			return nil, nil, nil, &licensing.Invalid{Field: "line 1." + name, Problem: "stands there twice"}
		}
		setters[i] = columns[at].set
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list, where, wrong, nil
		}
		if err != nil {
			return nil, nil, nil, lineError(err)
		}
		if len(list) == most {
			return nil, nil, nil, &licensing.Invalid{Field: "body", Problem: fmt.Sprintf("has more than %d licenses", most)}
		}
		line, _ := r.FieldPos(0)
		at := "line " + strconv.Itoa(line)
		var one LicenseNew
		for i, cell := range cells {
			if setters[i] == nil {
				continue
			}
			if err := setters[i](&one, disarmed(cell)); err != nil && len(wrong) < faultsMost {
				wrong = append(wrong, licensing.Invalid{Field: at + "." + head[i], Problem: err.Error()})
			}
		}
		list, where = append(list, one), append(where, at)
	}
}

func lineError(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &licensing.Invalid{Field: "line " + strconv.Itoa(parse.Line), Problem: fmt.Sprintf("is no line of a sheet, at column %d: %v", parse.Column, parse.Err)}
	}
	return err
}

func listOf(cell string) []string {
	var list []string
	for item := range strings.SplitSeq(cell, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func joined(list []Entitlement) string {
	var items []string
	for _, e := range list {
		item := e.Name
		if e.Slots > 0 {
			item += ":" + strconv.Itoa(e.Slots)
		}
		items = append(items, item)
	}
	return strings.Join(items, ",")
}

func entitlementsOf(cell string) (list []Entitlement, err error) {
	for _, item := range listOf(cell) {
		name, slots, counted := strings.Cut(item, ":")
		e := Entitlement{Name: name}
		if counted {
			if e.Slots, err = strconv.Atoi(slots); err != nil || e.Slots < 1 || e.Slots > license.MaxSlots {
				return nil, fmt.Errorf("has %q for a number of slots", slots)
			}
		}
		list = append(list, e)
	}
	return list, nil
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func numberOf(cell string) (int64, error) {
	if cell == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cell, 10, 64)
	if err != nil {
		return 0, errors.New("is no whole number")
	}
	return n, nil
}

func stamped(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

func stampOf(cell string) (*time.Time, error) {
	if cell == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, cell)
	if err != nil {
		return nil, errors.New("is no time such as 2030-01-02T03:04:05Z")
	}
	return &t, nil
}

func object(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers: a bug of ours
	}
	if string(b) == "{}" {
		return ""
	}
	return string(b)
}

func objectOf(cell string, v any) error {
	if cell == "" {
		return nil
	}
	return strictInto([]byte(cell), v)
}
