package events

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A change of a license is recorded in the license itself by the same update, so that neither exists without the other. The license keeps
// the latest entries of its history; they are copied into entries of the store at the latest before they are displaced.

const (
	maxRecentHistory = 4 // history entries that a license itself keeps
	historyEntryKind = "license_event"
)

// MaxKey is the maximum length of an idempotency key, in characters.
const MaxKey = 100

// ChangeOnce applies a change to a license and records it in the history under an idempotency key. If the key is in the history already,
// the license is returned unchanged with that entry; same reports whether the entry is of the same change, and an *licensing.Invalid is
// returned if not.
func (s *Service) ChangeOnce(
	ctx context.Context, org, id license.ID, key string, same func(licensing.HistoryEntry) bool,
	change func(*licensing.License, licensing.Policy) (licensing.HistoryEntry, error),
) (licensing.License, licensing.HistoryEntry, error) {
	if err := licensing.CheckText("key", key, 1, MaxKey); err != nil {
		return licensing.License{}, licensing.HistoryEntry{}, err
	}
	for range licensing.MaxAttempts {
		l, err := s.store.License(ctx, org, id)
		if err != nil {
			return licensing.License{}, licensing.HistoryEntry{}, err
		}
		if e, known, err := s.findHistory(ctx, &l, key); err != nil {
			return licensing.License{}, licensing.HistoryEntry{}, err
		} else if known && !same(e) {
			return licensing.License{}, licensing.HistoryEntry{}, licensing.NewInvalid("key", "was used for another change at %s",
				licensing.FormatTime(e.Time))
			//mutant:tests never: a renewal comes once
		} else if known {
			return l, e, nil
		}
		v, err := s.store.Version(ctx, org, l.Version)
		if err != nil {
			return licensing.License{}, licensing.HistoryEntry{}, fmt.Errorf("the license's version: %w", err)
		}
		if l.Status == licensing.Revoked {
			return licensing.License{}, licensing.HistoryEntry{}, licensing.NewInvalid("status", "is revoked: a revoked license cannot be changed")
		}
		e, err := change(&l, v.Policy)
		if err != nil {
			return licensing.License{}, licensing.HistoryEntry{}, err
		}
		e.Key = key
		if err := s.RecordHistory(ctx, &l, e); err != nil {
			return licensing.License{}, licensing.HistoryEntry{}, err
		}
		if err := l.Check(v.Policy); err != nil {
			return licensing.License{}, licensing.HistoryEntry{}, err
		}
		if l, err = s.store.UpdateLicense(ctx, l); !errors.Is(err, licensing.ErrStale) {
			return l, l.RecentHistory[len(l.RecentHistory)-1], err
		}
	}
	return licensing.License{}, licensing.HistoryEntry{}, licensing.ErrStale
}

// findHistory returns the history entry with the key, and whether there is one.
func (s *Service) findHistory(ctx context.Context, l *licensing.License, key string) (licensing.HistoryEntry, bool, error) {
	if at := slices.IndexFunc(l.RecentHistory, func(e licensing.HistoryEntry) bool { return e.Key == key }); at >= 0 {
		return l.RecentHistory[at], true, nil
	}
	stored, err := s.history().Get(ctx, historyID(l.ID, key))
	if errors.Is(err, licensing.ErrNotFound) {
		return licensing.HistoryEntry{}, false, nil
	}
	return stored.Value, err == nil, err
}

// history returns the history entries that no longer fit into their licenses.
func (s *Service) history() licensing.Entries[licensing.HistoryEntry] {
	return licensing.EntriesOf[licensing.HistoryEntry](s.store, historyEntryKind)
}

// RecordHistory adds an entry to the recent history of the license, which the caller stores, and saves the entries that it displaces.
func (s *Service) RecordHistory(ctx context.Context, l *licensing.License, e licensing.HistoryEntry) error {
	e.Time, e.Expires, e.Allowance, e.Maintenance = s.env.Now(), l.Expires, l.Allowance, l.Maintenance
	if e.Key == "" {
		e.Key = string(e.Kind) + " " + licensing.FormatTime(e.Time)
	}
	l.Updated = e.Time
	l.RecentHistory = append(slices.Clone(l.RecentHistory), e)
	for len(l.RecentHistory) > maxRecentHistory {
		if err := s.saveHistory(ctx, l, l.RecentHistory[0]); err != nil {
			return err
		}
		l.RecentHistory = l.RecentHistory[1:]
	}
	return nil
}

// saveHistory saves a history entry unless it is saved already.
func (s *Service) saveHistory(ctx context.Context, l *licensing.License, e licensing.HistoryEntry) error {
	entry := licensing.Entry{ID: historyID(l.ID, e.Key), Org: l.Organisation, List: string(l.ID), Search: e.Key, Created: e.Time}
	_, err := s.history().Create(ctx, entry, e)
	if errors.Is(err, licensing.ErrExists) {
		return nil
	}
	return err
}

func historyID(id license.ID, key string) string {
	return string(id) + ":" + string(lease.HashOf([]byte(key)))
}

// History lists the history of a license, newest first.
func (s *Service) History(ctx context.Context, org, id license.ID, page licensing.Page) (licensing.Listing[licensing.HistoryEntry], error) {
	l, err := s.store.License(ctx, org, id)
	if err != nil {
		return licensing.Listing[licensing.HistoryEntry]{}, err
	}
	for _, e := range l.RecentHistory {
		if err := s.saveHistory(ctx, &l, e); err != nil {
			return licensing.Listing[licensing.HistoryEntry]{}, err
		}
	}
	stored, err := s.history().List(ctx, org, string(id), page)
	if err != nil {
		return licensing.Listing[licensing.HistoryEntry]{}, err
	}
	return licensing.MapListing(stored, licensing.TypedEntry[licensing.HistoryEntry].Unwrap)
}
