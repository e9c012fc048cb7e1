package notify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

const (
	noticeKind = "notice"
	batch      = 100
)

// kept is how long a notice is. Installations come and go by the thousand, and each has a record of its own.
func kept(t licensing.NoticeType) time.Duration {
	const day = 24 * time.Hour
	switch t {
	case licensing.ActivationCreated, licensing.ActivationClosed, licensing.ActivationRestored:
		return 14 * day
	}
	return 90 * day
}

// Event is a notice as the world sees it. Its JSON is the body of a webhook's request.
type Event struct {
	ID        string               `json:"id"` // the same however often it comes
	Type      licensing.NoticeType `json:"type"`
	Timestamp time.Time            `json:"timestamp"`
	Data      Data                 `json:"data"`
}

// Data is what an event is about; what does not apply is left out.
type Data struct {
	Organisation license.ID     `json:"organisation"`
	Product      license.ID     `json:"product,omitempty"`
	Version      license.ID     `json:"version,omitempty"`
	License      license.ID     `json:"license,omitempty"`
	Name         string         `json:"name,omitempty" doc:"Of the license."`
	Customer     string         `json:"customer,omitempty"`
	Activation   lease.Hash     `json:"activation,omitempty"`
	Details      map[string]any `json:"details,omitempty" doc:"Of the type; docs/events.md."`
}

func eventOf(n licensing.Notice) Event {
	return Event{
		ID: eventID(n), Type: n.Type, Timestamp: time.UnixMilli(int64(n.Time)).UTC(),
		Data: Data{n.Org, n.Product, n.Version, n.License, n.Name, n.Customer, n.Activation, n.Details},
	}
}

// eventID is a function of the notice's key, so that one that is told twice is one.
func eventID(n licensing.Notice) string {
	return "evt_" + string(lease.HashOf([]byte(string(n.Org) + "\n" + string(n.Type) + "\n" + n.Key)))[:32]
}

// Tell implements licensing.Notices: it keeps the notice, and this node hands it out soon, or another does.
func (s *Service) Tell(ctx context.Context, n licensing.Notice) error {
	id := eventID(n)
	if s.known.has(id) {
		return nil
	}
	err := s.Store.CreateEntry(ctx, licensing.Entry{
		Kind: noticeKind, ID: id, Org: n.Org, List: string(n.License), Search: string(n.Type) + "\n" + n.Customer + "\n" + string(n.License),
		Created: n.Time, Due: n.Time, Until: n.Time + lease.Time(kept(n.Type).Milliseconds()), Body: encode(n),
	})
	if err != nil && !errors.Is(err, licensing.ErrExists) {
		return err
	}
	s.known.add(id)
	s.nudge()
	return nil
}

// handOut makes the deliveries of the notices that are due. What was made is not made again, so it does not matter who does it, or how far
// one came who ended on the way.
func (s *Service) handOut(ctx context.Context) error {
	for {
		due, err := s.Store.DueEntries(ctx, noticeKind, s.time(), batch)
		if err != nil {
			return err
		}
		if err := s.handOutAll(ctx, due); err != nil || len(due) < batch {
			return err
		}
	}
}

func (s *Service) handOutAll(ctx context.Context, due []licensing.Entry) error {
	var errs []error
	for _, e := range due { // one that fails holds up no other
		n, err := decode[licensing.Notice](e)
		if err == nil {
			err = s.handOutOne(ctx, n)
		}
		if err == nil {
			e.Due = 0
			_, err = s.Store.ReplaceEntry(ctx, e)
		}
		if err != nil && !gone(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Service) handOutOne(ctx context.Context, n licensing.Notice) error {
	if s.Told != nil {
		if err := s.Told(ctx, n); err != nil {
			return err
		}
	}
	event := eventOf(n)
	body := encode(event)
	if err := s.gather(ctx, event); err != nil {
		return err
	}
	return s.everyWebhook(ctx, n.Org, func(w Webhook) error {
		if w.Disabled || !slices.Contains(w.Events, n.Type) {
			return nil
		}
		return s.post(ctx, w, event, body)
	})
}

// Events lists what happened, newest first: of a license, or with an empty id of the whole organisation.
func (s *Service) Events(ctx context.Context, org, license license.ID, page licensing.Page) (licensing.Listing[Event], error) {
	found, err := s.Store.Entries(ctx, noticeKind, org, string(license), page)
	return convert(found, err, func(e licensing.Entry) (Event, error) {
		n, err := decode[licensing.Notice](e)
		return eventOf(n), err
	})
}

func convert[T any](found licensing.Listing[licensing.Entry], err error, read func(licensing.Entry) (T, error)) (licensing.Listing[T], error) {
	l := licensing.Listing[T]{Items: []T{}, Next: found.Next}
	for i := 0; err == nil && i < len(found.Items); i++ {
		var item T
		item, err = read(found.Items[i])
		l.Items = append(l.Items, item)
	}
	return l, err
}

// recent remembers ids that the store has, so that what happens again and again does not ask it each time.
type recent struct {
	mu  sync.Mutex
	ids map[string]bool
}

const mostRecent = 10_000

func (r *recent) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id]
}

func (r *recent) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil || len(r.ids) >= mostRecent {
		r.ids = map[string]bool{}
	}
	r.ids[id] = true
}

// Types lists the types of event that one can ask for.
func Types() (types []licensing.NoticeType) {
	for _, t := range licensing.NoticeTypes {
		types = append(types, t.Type)
	}
	return types
}
