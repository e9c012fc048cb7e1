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

// Event is one thing that happened to a license: what was asked for, and what the license was after it.
type Event struct {
	Key  string     `json:"key"` // the caller's own, so that the same again does nothing; else the time
	Kind EventKind  `json:"kind"`
	Time lease.Time `json:"time"`

	Extend      int64      `json:"extend,omitempty"`      // a renewal: milliseconds
	Calls       int64      `json:"calls,omitempty"`       // a renewal: on top of the allowance
	Maintained  int64      `json:"maintained,omitempty"`  // a renewal: milliseconds of maintenance
	From        string     `json:"from,omitempty"`        // a transfer: the customer before
	To          string     `json:"to,omitempty"`          // a transfer: the customer after
	FromID      license.ID `json:"from_id,omitempty"`     // a transfer: the record of the customer before
	ToID        license.ID `json:"to_id,omitempty"`       // a transfer: and after
	Expires     lease.Time `json:"expires,omitempty"`     // of the license, after
	Allowance   int64      `json:"allowance,omitempty"`   // of the license, after
	Maintenance lease.Time `json:"maintenance,omitempty"` // of the license, after
}

// EventKind says what happened.
type EventKind string

// The kinds of event.
const (
	Started     EventKind = "started"     // its term began, with its first activation
	Renewed     EventKind = "renewed"     // it was given more time, calls or maintenance
	Transferred EventKind = "transferred" // it is another customer's
)

const (
	mostRecent = 4 // events that a license itself remembers
	eventKind  = "license_event"
)

// MaxKey is the length of a caller's own key, in characters.
const MaxKey = 100

// happen makes a change of a license that is remembered under its key. If it has happened before, the license is given as it is, with the
// event of then; same tells whether what happened was the same.
func (s *Service) happen(ctx context.Context, org, id license.ID, key string, same func(Event) bool, change func(*License, Policy) (Event, error)) (License, Event, error) {
	if err := text("key", key, 1, MaxKey); err != nil {
		return License{}, Event{}, err
	}
	for range attempts {
		l, err := s.store.License(ctx, org, id)
		if err != nil {
			return License{}, Event{}, err
		}
		if e, known, err := s.happened(ctx, &l, key); err != nil {
			return License{}, Event{}, err
		} else if known && !same(e) {
			return License{}, Event{}, invalid("key", "was used for something else at %s", stamp(e.Time))
			//mutant:tests never: a renewal comes once
		} else if known {
			return l, e, nil
		}
		v, err := s.store.Version(ctx, org, l.Version)
		if err != nil {
			return License{}, Event{}, fmt.Errorf("the license's version: %w", err)
		}
		if l.Status == Revoked {
			return License{}, Event{}, invalid("status", "is revoked: the license was ended for good")
		}
		e, err := change(&l, v.Policy)
		if err != nil {
			return License{}, Event{}, err
		}
		e.Key = key
		if err := s.remember(ctx, &l, e); err != nil {
			return License{}, Event{}, err
		}
		if err := l.check(v.Policy); err != nil {
			return License{}, Event{}, err
		}
		if l, err = s.store.UpdateLicense(ctx, l); !errors.Is(err, ErrStale) {
			return l, l.Recent[len(l.Recent)-1], err
		}
	}
	return License{}, Event{}, ErrStale
}

// happened looks for the event with the key.
func (s *Service) happened(ctx context.Context, l *License, key string) (Event, bool, error) {
	if at := slices.IndexFunc(l.Recent, func(e Event) bool { return e.Key == key }); at >= 0 {
		return l.Recent[at], true, nil
	}
	kept, err := s.store.Entry(ctx, eventKind, eventID(l.ID, key))
	if errors.Is(err, ErrNotFound) {
		return Event{}, false, nil
	} else if err != nil {
		return Event{}, false, err
	}
	e, err := readEvent(kept)
	return e, true, err
}

// remember notes what is about to be done to the license, and keeps what has to make room for it.
func (s *Service) remember(ctx context.Context, l *License, e Event) error {
	e.Time, e.Expires, e.Allowance, e.Maintenance = s.now(), l.Expires, l.Allowance, l.Maintenance
	if e.Key == "" {
		e.Key = string(e.Kind) + " " + stamp(e.Time)
	}
	l.Updated = e.Time
	l.Recent = append(slices.Clone(l.Recent), e)
	for len(l.Recent) > mostRecent {
		if err := s.keep(ctx, l, l.Recent[0]); err != nil {
			return err
		}
		l.Recent = l.Recent[1:]
	}
	return nil
}

// keep makes an event's entry, if there is none.
func (s *Service) keep(ctx context.Context, l *License, e Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	err = s.store.CreateEntry(ctx, Entry{Kind: eventKind, ID: eventID(l.ID, e.Key), Org: l.Organisation, List: string(l.ID), Search: e.Key, Created: e.Time, Body: body})
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

func eventID(id license.ID, key string) string {
	return string(id) + ":" + string(lease.HashOf([]byte(key)))
}

func readEvent(kept Entry) (e Event, err error) {
	if err = json.Unmarshal(kept.Body, &e); err != nil {
		err = fmt.Errorf("the event %s: %w", kept.ID, err)
	}
	return e, err
}

// History is what happened to a license, newest first.
func (s *Service) History(ctx context.Context, org, id license.ID, page Page) (Listing[Event], error) {
	l, err := s.store.License(ctx, org, id)
	if err != nil {
		return Listing[Event]{}, err
	}
	for _, e := range l.Recent {
		if err := s.keep(ctx, &l, e); err != nil {
			return Listing[Event]{}, err
		}
	}
	kept, err := s.store.Entries(ctx, eventKind, org, string(id), page)
	events := Listing[Event]{Items: make([]Event, len(kept.Items)), Next: kept.Next}
	for n := range kept.Items {
		if err == nil {
			events.Items[n], err = readEvent(kept.Items[n])
		}
	}
	return events, err
}
