package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

type entryKey struct{ kind, id string }

// CreateEntry implements licensing.EntryStore, as do the exported methods below.
func (s *Store) CreateEntry(_ context.Context, e licensing.Entry) error {
	if err := e.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := entryKey{e.Kind, e.ID}
	if s.entries[key] != nil {
		return licensing.ErrExists
	}
	e.Revision = 1
	s.entries[key] = &numbered[licensing.Entry]{s.nextSeq(), e}
	return nil
}

// Entry implements licensing.EntryStore.
func (s *Store) Entry(_ context.Context, kind, id string) (licensing.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.entries[entryKey{kind, id}]
	if held == nil {
		return licensing.Entry{}, licensing.ErrNotFound
	}
	return held.record, nil
}

// ReplaceEntry implements licensing.EntryStore.
func (s *Store) ReplaceEntry(_ context.Context, e licensing.Entry) (licensing.Entry, error) {
	if err := e.Check(); err != nil {
		return e, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.entries[entryKey{e.Kind, e.ID}]
	switch {
	case held == nil:
		return e, licensing.ErrNotFound
	case held.record.Revision != e.Revision:
		return e, licensing.ErrStale
	}
	e.Revision++
	e.Org, e.List, e.Created = held.record.Org, held.record.List, held.record.Created
	held.record = e
	return e, nil
}

// DeleteEntry implements licensing.EntryStore.
func (s *Store) DeleteEntry(_ context.Context, kind, id string, revision int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := entryKey{kind, id}
	held := s.entries[key]
	switch {
	case held == nil:
		return licensing.ErrNotFound
	case revision != 0 && held.record.Revision != revision:
		return licensing.ErrStale
	}
	delete(s.entries, key)
	return nil
}

// Entries implements licensing.EntryStore.
func (s *Store) Entries(_ context.Context, kind string, org license.ID, in string,
	page licensing.Page) (licensing.Listing[licensing.Entry], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []numbered[licensing.Entry]
	for _, e := range s.entries {
		if e.record.Kind == kind && e.record.Org == org && (in == "" || e.record.List == in) {
			all = append(all, *e)
		}
	}
	return listNewest(page, all, func(e *licensing.Entry) string { return e.Search })
}

// DueEntries implements licensing.EntryStore.
func (s *Store) DueEntries(_ context.Context, kind string, now lease.Time, limit int) ([]licensing.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []licensing.Entry
	for _, e := range s.entries {
		if e.record.Kind == kind && e.record.Due != 0 && e.record.Due <= now {
			due = append(due, e.record)
		}
	}
	slices.SortFunc(due, func(a, b licensing.Entry) int { return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.ID, b.ID)) })
	return due[:min(limit, len(due))], nil
}

// DeleteExpiredEntries implements licensing.EntryStore.
func (s *Store) DeleteExpiredEntries(_ context.Context, now lease.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.entries {
		if e.record.Until != 0 && e.record.Until <= now {
			delete(s.entries, key)
		}
	}
	return nil
}
