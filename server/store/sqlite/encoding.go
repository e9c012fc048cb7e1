package sqlite

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// encodeJSON returns the value of a JSON column.
func encodeJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers only: cannot fail
	}
	return string(b)
}

// decodeJSON decodes JSON columns. Its arguments are pairs of a column's text and a pointer to the value.
func decodeJSON(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := json.Unmarshal([]byte(pairs[i].(string)), pairs[i+1]); err != nil {
			return fmt.Errorf("decoding a stored structure: %w", err)
		}
	}
	return nil
}

// encodeSparse returns the value of a JSON column whose structure is mostly zero: the zero value is stored as an empty text.
func encodeSparse(v any) string {
	if reflect.ValueOf(v).IsZero() {
		return ""
	}
	return encodeJSON(v)
}

func decodeSparse(column string, v any) error {
	if column == "" {
		return nil
	}
	return decodeJSON(column, v)
}

func joinEntitlements(list []license.Entitlement) string {
	items := make([]string, len(list))
	for i, e := range list {
		items[i] = e.Name
		if e.Slots > 0 {
			items[i] += ":" + strconv.Itoa(e.Slots)
		}
	}
	return strings.Join(items, ",")
}

func splitEntitlements(line string) ([]license.Entitlement, error) {
	var list []license.Entitlement
	for _, item := range splitList(line) {
		name, slots, counted := strings.Cut(item, ":")
		e := license.Entitlement{Name: name}
		if counted {
			var err error
			if e.Slots, err = strconv.Atoi(slots); err != nil {
				return nil, fmt.Errorf("decoding the stored entitlement %q: %w", item, err)
			}
		}
		list = append(list, e)
	}
	return list, nil
}

func splitList(line string) []string {
	if line == "" {
		return nil
	}
	return strings.Split(line, ",")
}

// foldCase returns the names in lower case, one per line, for searches and orders that ignore case.
func foldCase(names ...string) string { return strings.ToLower(strings.Join(names, "\n")) }

// Default and maximum number of items on a page. A cursor is the sequence number of the last item on the page.
const (
	defaultPageSize = 50
	maxPageSize     = 200
)

type pageWindow struct {
	before int64 // items with smaller sequence numbers
	limit  int
	search string
}

func newPageWindow(p licensing.Page) (pageWindow, error) {
	w := pageWindow{before: 1<<63 - 1, limit: pageSize(p), search: foldCase(p.Search)}
	if p.After != "" {
		var err error
		if w.before, err = strconv.ParseInt(p.After, 36, 64); err != nil {
			return w, &licensing.Invalid{Field: "after", Problem: "is not a cursor that a list gave"}
		}
	}
	return w, nil
}

func pageSize(p licensing.Page) int {
	if p.Limit <= 0 {
		return defaultPageSize
	}
	return min(p.Limit, maxPageSize)
}

// listNewest returns one page. The first column of the query must be seq, and it must end with the three conditions of a page: seq < ?,
// instr(folded, ?), LIMIT ?.
func listNewest[T any](s *Store, page licensing.Page, read func(*int64, scanner) (T, error), query string,
	args ...any) (licensing.Listing[T], error) {
	listing := licensing.Listing[T]{Items: []T{}}
	w, err := newPageWindow(page)
	if err != nil {
		return listing, err
	}
	var seq, last int64
	more := false
	err = s.rows(func(row scanner) error {
		if len(listing.Items) == w.limit {
			more = true
			return nil
		}
		item, err := read(&seq, row)
		listing.Items, last = append(listing.Items, item), seq
		return err
	}, query, append(args, w.before, w.search, w.limit+1)...)
	if more {
		listing.Next = strconv.FormatInt(last, 36)
	}
	return listing, err
}

// requireOneRow returns the error of a conditional UPDATE or DELETE of one record: ErrNotFound if exists, a query for the record, has no
// row, ErrStale if the record is there and none was changed.
func requireOneRow(t *tx, changed int64, err error, exists string, args ...any) error {
	if err != nil {
		return mapConstraint(err)
	}
	if changed == 1 {
		return nil
	}
	if there, err := rowExists(t, exists, args...); err != nil {
		return err
	} else if !there {
		return licensing.ErrNotFound
	}
	return licensing.ErrStale
}

// rowExists reports whether the query has a row.
func rowExists(t *tx, query string, args ...any) (bool, error) {
	var n int
	err := t.row(`SELECT EXISTS (`+query+`)`, args...).Scan(&n)
	return n == 1, err
}
