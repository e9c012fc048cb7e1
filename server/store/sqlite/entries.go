package sqlite

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

const entriesSchema = `
CREATE TABLE entries (
	seq      INTEGER PRIMARY KEY,
	kind     TEXT NOT NULL,
	id       TEXT NOT NULL,
	org      TEXT NOT NULL,
	list     TEXT NOT NULL,
	search   TEXT NOT NULL,
	folded   TEXT NOT NULL,
	revision INTEGER NOT NULL,
	created  INTEGER NOT NULL,
	due      INTEGER NOT NULL,
	until    INTEGER NOT NULL,
	body     BLOB NOT NULL,
	UNIQUE (kind, id)
) STRICT;
CREATE INDEX entries_org ON entries (kind, org, seq);
CREATE INDEX entries_list ON entries (kind, org, list, seq);
CREATE INDEX entries_due ON entries (kind, due) WHERE due > 0;
CREATE INDEX entries_until ON entries (until) WHERE until > 0;
`

const (
	entryColumns = `seq, kind, id, org, list, search, revision, created, due, until, body`
	entryByKey   = `SELECT ` + entryColumns + ` FROM entries WHERE kind = ? AND id = ?`
)

func readEntry(seq *int64, row scanner) (e licensing.Entry, err error) {
	err = row.Scan(seq, &e.Kind, &e.ID, &e.Org, &e.List, &e.Search, &e.Revision, &e.Created, &e.Due, &e.Until, &e.Body)
	return e, mapNotFound(err)
}

// CreateEntry implements licensing.EntryStore, as do the exported methods below.
func (s *Store) CreateEntry(ctx context.Context, e licensing.Entry) error {
	if err := e.Check(); err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO entries (kind, id, org, list, search, folded, revision, created, due, until, body) VALUES (?, ?, ?, ?, ?, ?,
			1, ?, ?, ?, ?)`,
			e.Kind, e.ID, e.Org, e.List, e.Search, foldCase(e.Search), e.Created, e.Due, e.Until, nonNil(e.Body))
		return mapConstraint(err)
	})
}

// nonNil returns the bytes, or an empty slice for nil, which would be stored as NULL.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Entry implements licensing.EntryStore.
func (s *Store) Entry(_ context.Context, kind, id string) (licensing.Entry, error) {
	return readEntry(new(int64), s.row(entryByKey, kind, id))
}

// ReplaceEntry implements licensing.EntryStore.
func (s *Store) ReplaceEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	if err := e.Check(); err != nil {
		return e, err
	}
	err := s.write(ctx, func(t *tx) error {
		held, err := readEntry(new(int64), t.row(entryByKey, e.Kind, e.ID))
		switch {
		case err != nil:
			return err
		case held.Revision != e.Revision:
			return licensing.ErrStale
		}
		e.Revision, e.Org, e.List, e.Created = e.Revision+1, held.Org, held.List, held.Created
		_, err = t.exec(`UPDATE entries SET search = ?, folded = ?, revision = ?, due = ?, until = ?, body = ? WHERE kind = ? AND id = ?`,
			e.Search, foldCase(e.Search), e.Revision, e.Due, e.Until, nonNil(e.Body), e.Kind, e.ID)
		return err
	})
	return e, err
}

// DeleteEntry implements licensing.EntryStore.
func (s *Store) DeleteEntry(ctx context.Context, kind, id string, revision int64) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(`DELETE FROM entries WHERE kind = ?1 AND id = ?2 AND (?3 = 0 OR revision = ?3)`, kind, id, revision)
		return requireOneRow(t, n, err, `SELECT 1 FROM entries WHERE kind = ? AND id = ?`, kind, id)
	})
}

// Entries implements licensing.EntryStore.
func (s *Store) Entries(_ context.Context, kind string, org license.ID, in string,
	page licensing.Page) (licensing.Listing[licensing.Entry], error) {
	query, args := `SELECT `+entryColumns+` FROM entries WHERE kind = ? AND org = ?`, []any{kind, org}
	if in != "" {
		query, args = query+` AND list = ?`, append(args, in)
	}
	return listNewest(s, page, readEntry, query+` AND seq < ? AND instr(folded, ?) ORDER BY seq DESC LIMIT ?`, args...)
}

// DueEntries implements licensing.EntryStore.
func (s *Store) DueEntries(_ context.Context, kind string, now lease.Time, limit int) (due []licensing.Entry, err error) {
	err = s.rows(func(row scanner) error {
		e, err := readEntry(new(int64), row)
		due = append(due, e)
		return err
	}, `SELECT `+entryColumns+` FROM entries WHERE kind = ? AND due > 0 AND due <= ? ORDER BY due, id LIMIT ?`, kind, now, limit)
	return due, err
}

// DeleteExpiredEntries implements licensing.EntryStore.
func (s *Store) DeleteExpiredEntries(ctx context.Context, now lease.Time) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM entries WHERE until > 0 AND until <= ?`, now)
		return err
	})
}
