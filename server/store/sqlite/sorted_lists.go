package sqlite

import (
	"strconv"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// The catalogue can be listed in several orders. The default order and those of a whole organisation follow an index and cost what is
// shown. Within one product or version, names and last changes are looked for along the organisation's index, or all records are sorted,
// whichever SQLite considers cheaper. A filter other than product, version or customer, and a search, look at each record until the page is
// full: at most one look at each license of the organisation.
const listsSchema = `
CREATE INDEX licenses_org ON licenses (org, seq);
CREATE INDEX licenses_named ON licenses (org, folded, seq);
CREATE INDEX licenses_updated ON licenses (org, updated, seq);
CREATE INDEX licenses_customer_name ON licenses (org, customer, seq);
CREATE INDEX licenses_expires ON licenses (org, expires) WHERE expires > 0;
DROP INDEX licenses_product;
CREATE INDEX licenses_product ON licenses (product, seq);
`

// Licenses can be archived, as products and versions can.
const archivedSchema = `ALTER TABLE licenses ADD COLUMN archived INTEGER NOT NULL DEFAULT 0`

// whereClause collects the conditions of a list and their values.
type whereClause struct {
	conditions []string
	args       []any
}

func (w *whereClause) and(condition string, args ...any) {
	w.conditions, w.args = append(w.conditions, condition), append(w.args, args...)
}

func (w *whereClause) filterLicenses(f licensing.LicenseFilter) {
	if f.Product != "" {
		w.and(`product = ?`, f.Product)
	}
	if f.Version != "" {
		w.and(`version = ?`, f.Version)
	}
	if f.Status != "" {
		w.and(`status = ?`, f.Status)
	}
	if f.Customer != "" {
		w.and(`customer = ?`, f.Customer)
	}
	if f.CustomerID != "" {
		w.and(`customer_id = ?`, f.CustomerID)
	}
	if f.Type != "" {
		w.and(`version IN (SELECT v.id FROM versions v WHERE v.org = licenses.org AND json_extract(v.policy, '$.type') = ?)`, f.Type)
	}
	if f.ExpiresFrom != 0 {
		w.and(`expires > 0 AND expires >= ?`, f.ExpiresFrom)
	}
	if f.ExpiresUntil != 0 {
		w.and(`expires > 0 AND expires < ?`, f.ExpiresUntil)
	}
	if f.NeverActivated {
		w.and(`NOT EXISTS (SELECT 1 FROM activations a WHERE a.license = licenses.id)`)
	}
}

// listSorted returns one page of a catalogue table in the order that the page asks for. key returns a record's name and time of change,
// which the cursor is made of.
func listSorted[T any](s *Store, table, columns string, org license.ID, w whereClause, page licensing.Page,
	read func(*int64, scanner) (T, error), key func(T) (string, lease.Time)) (licensing.Listing[T], error) {
	w.conditions, w.args = append([]string{`org = ?`}, w.conditions...), append([]any{org}, w.args...)
	if page.Archived != nil {
		w.and(`archived = ?`, *page.Archived)
	}
	from := `SELECT ` + columns + ` FROM ` + table + ` WHERE ` + strings.Join(w.conditions, ` AND `)
	if page.Sort.IsDefault() {
		return listNewest(s, page, read, from+` AND seq < ? AND instr(folded, ?) ORDER BY seq DESC LIMIT ?`, w.args...)
	}
	by, down := page.Sort.Key()
	column := map[string]string{"created": `seq`, "name": `folded`, "updated": `updated`}[by]
	after, order := `>`, column+`, seq`
	if down {
		after, order = `<`, column+` DESC, seq DESC`
	}
	listing := licensing.Listing[T]{Items: []T{}}
	if page.After != "" {
		value, seq, err := parseCursor(page, by)
		if err != nil {
			return listing, err
		}
		from += ` AND (` + column + `, seq) ` + after + ` (?, ?)`
		w.args = append(w.args, value, seq)
	}
	limit := pageSize(page)
	var seq, last int64
	more := false
	err := s.rows(func(row scanner) error {
		if len(listing.Items) == limit {
			more = true
			return nil
		}
		item, err := read(&seq, row)
		listing.Items, last = append(listing.Items, item), seq
		return err
	}, from+` AND instr(folded, ?) ORDER BY `+order+` LIMIT ?`, append(w.args, foldCase(page.Search), limit+1)...)
	if more {
		listing.Next = newCursor(page, by, last, listing.Items[limit-1], key)
	}
	return listing, err
}

func newCursor[T any](page licensing.Page, by string, seq int64, last T, key func(T) (string, lease.Time)) string {
	tie := strconv.FormatInt(seq, 36)
	folded, updated := key(last)
	switch by {
	case "name":
		return page.Cursor(folded, tie)
	case "updated":
		return page.Cursor(strconv.FormatInt(int64(updated), 36), tie)
	}
	return page.Cursor(tie, tie)
}

// parseCursor returns the value of the sort column and the sequence number in the page's cursor.
func parseCursor(page licensing.Page, by string) (value any, seq int64, err error) {
	text, tie, err := page.ParseCursor()
	if err != nil {
		return nil, 0, err
	}
	if seq, err = strconv.ParseInt(tie, 36, 64); err != nil {
		return nil, 0, licensing.ErrCursor
	}
	if by == "name" {
		return text, seq, nil
	}
	number, err := strconv.ParseInt(text, 36, 64)
	if err != nil {
		return nil, 0, licensing.ErrCursor
	}
	return number, seq, nil
}
