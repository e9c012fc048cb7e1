package licensing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// What happened to a license is written into the license itself by the same update that makes it happen, so neither is there without the
// other. There it has a few places; from there it is copied into an entry of its own, at the latest before it leaves its place.

// HistoryEntry is one thing that happened to a license: what was asked for, and what the license was after it.
type HistoryEntry struct {
	Key  string      `json:"key"` // the caller's own, so that the same again does nothing; else the time
	Kind HistoryKind `json:"kind"`
	Time lease.Time  `json:"time"`

	Extend           int64      `json:"extend,omitempty"`      // a renewal: milliseconds
	Calls            int64      `json:"calls,omitempty"`       // a renewal: on top of the allowance
	MaintenanceAdded int64      `json:"maintained,omitempty"`  // a renewal: milliseconds of maintenance
	From             string     `json:"from,omitempty"`        // a transfer: the customer before
	To               string     `json:"to,omitempty"`          // a transfer: the customer after
	FromID           license.ID `json:"from_id,omitempty"`     // a transfer: the record of the customer before
	ToID             license.ID `json:"to_id,omitempty"`       // a transfer: and after
	Expires          lease.Time `json:"expires,omitempty"`     // of the license, after
	Allowance        int64      `json:"allowance,omitempty"`   // of the license, after
	Maintenance      lease.Time `json:"maintenance,omitempty"` // of the license, after
}

// HistoryKind says what happened.
type HistoryKind string

// The kinds of event.
const (
	Started     HistoryKind = "started"     // its term began, with its first activation
	Renewed     HistoryKind = "renewed"     // it was given more time, calls or maintenance
	Transferred HistoryKind = "transferred" // it is another customer's
)

const (
	maxRecentHistory = 4 // events that a license itself remembers
	historyEntryKind = "license_event"
)

// MaxKey is the length of a caller's own key, in characters.
const MaxKey = 100

// changeOnce makes a change of a license that is remembered under its key. If it has happened before, the license is given as it is, with the
// event of then; same tells whether what happened was the same.
func (s *Service) changeOnce(ctx context.Context, org, id license.ID, key string, same func(HistoryEntry) bool, change func(*License, Policy) (HistoryEntry, error)) (License, HistoryEntry, error) {
	if err := CheckText("key", key, 1, MaxKey); err != nil {
		return License{}, HistoryEntry{}, err
	}
	for range MaxAttempts {
		l, err := s.store.License(ctx, org, id)
		if err != nil {
			return License{}, HistoryEntry{}, err
		}
		if e, known, err := s.findHistory(ctx, &l, key); err != nil {
			return License{}, HistoryEntry{}, err
		} else if known && !same(e) {
			return License{}, HistoryEntry{}, NewInvalid("key", "was used for something else at %s", FormatTime(e.Time))
			//mutant:tests never: a renewal comes once
		} else if known {
			return l, e, nil
		}
		v, err := s.store.Version(ctx, org, l.Version)
		if err != nil {
			return License{}, HistoryEntry{}, fmt.Errorf("the license's version: %w", err)
		}
		if l.Status == Revoked {
			return License{}, HistoryEntry{}, NewInvalid("status", "is revoked: the license was ended for good")
		}
		e, err := change(&l, v.Policy)
		if err != nil {
			return License{}, HistoryEntry{}, err
		}
		e.Key = key
		if err := s.recordHistory(ctx, &l, e); err != nil {
			return License{}, HistoryEntry{}, err
		}
		if err := l.Check(v.Policy); err != nil {
			return License{}, HistoryEntry{}, err
		}
		if l, err = s.store.UpdateLicense(ctx, l); !errors.Is(err, ErrStale) {
			return l, l.RecentHistory[len(l.RecentHistory)-1], err
		}
	}
	return License{}, HistoryEntry{}, ErrStale
}

// findHistory looks for the event with the key.
func (s *Service) findHistory(ctx context.Context, l *License, key string) (HistoryEntry, bool, error) {
	if at := slices.IndexFunc(l.RecentHistory, func(e HistoryEntry) bool { return e.Key == key }); at >= 0 {
		return l.RecentHistory[at], true, nil
	}
	kept, err := s.store.Entry(ctx, historyEntryKind, historyID(l.ID, key))
	if errors.Is(err, ErrNotFound) {
		return HistoryEntry{}, false, nil
	} else if err != nil {
		return HistoryEntry{}, false, err
	}
	e, err := parseHistory(kept)
	return e, true, err
}

// recordHistory notes what is about to be done to the license, and keeps what has to make room for it.
func (s *Service) recordHistory(ctx context.Context, l *License, e HistoryEntry) error {
	e.Time, e.Expires, e.Allowance, e.Maintenance = s.now(), l.Expires, l.Allowance, l.Maintenance
	if e.Key == "" {
		e.Key = string(e.Kind) + " " + FormatTime(e.Time)
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

// saveHistory makes an event's entry, if there is none.
func (s *Service) saveHistory(ctx context.Context, l *License, e HistoryEntry) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	err = s.store.CreateEntry(ctx, Entry{Kind: historyEntryKind, ID: historyID(l.ID, e.Key), Org: l.Organisation, List: string(l.ID), Search: e.Key, Created: e.Time, Body: body})
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

func historyID(id license.ID, key string) string {
	return string(id) + ":" + string(lease.HashOf([]byte(key)))
}

func parseHistory(kept Entry) (e HistoryEntry, err error) {
	if err = json.Unmarshal(kept.Body, &e); err != nil {
		err = fmt.Errorf("the event %s: %w", kept.ID, err)
	}
	return e, err
}

// History is what happened to a license, newest first.
func (s *Service) History(ctx context.Context, org, id license.ID, page Page) (Listing[HistoryEntry], error) {
	l, err := s.store.License(ctx, org, id)
	if err != nil {
		return Listing[HistoryEntry]{}, err
	}
	for _, e := range l.RecentHistory {
		if err := s.saveHistory(ctx, &l, e); err != nil {
			return Listing[HistoryEntry]{}, err
		}
	}
	kept, err := s.store.Entries(ctx, historyEntryKind, org, string(id), page)
	events := Listing[HistoryEntry]{Items: make([]HistoryEntry, len(kept.Items)), Next: kept.Next}
	for n := range kept.Items {
		if err == nil {
			events.Items[n], err = parseHistory(kept.Items[n])
		}
	}
	return events, err
}
