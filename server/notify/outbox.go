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
	"github.com/onelicense/onelicense/server/licensing/events"
)

const (
	eventKind = "notice"
	batchSize = 100
)

// retention returns how long an event is kept. Activations come and go by the thousand, and each has a record of its own.
func retention(t events.Type) time.Duration {
	const day = 24 * time.Hour
	switch t {
	case events.ActivationCreated, events.ActivationClosed, events.ActivationRestored:
		return 14 * day
	}
	return 90 * day
}

// Event is an event as receivers see it. Its JSON is the body of a webhook's request.
type Event struct {
	ID        string      `json:"id"` // the same for every delivery of the event
	Type      events.Type `json:"type"`
	Timestamp time.Time   `json:"timestamp"`
	Data      EventData   `json:"data"`
}

// EventData describes the subject of an event; what does not apply is left out.
type EventData struct {
	Organisation license.ID     `json:"organisation"`
	Product      license.ID     `json:"product,omitempty"`
	Version      license.ID     `json:"version,omitempty"`
	License      license.ID     `json:"license,omitempty"`
	Name         string         `json:"name,omitempty" doc:"Of the license."`
	Customer     string         `json:"customer,omitempty"`
	Activation   lease.Hash     `json:"activation,omitempty"`
	Details      map[string]any `json:"details,omitempty" doc:"Of the type; docs/events.md."`
}

func eventOf(n events.Event) Event {
	return Event{
		ID: eventID(n), Type: n.Type, Timestamp: time.UnixMilli(int64(n.Time)).UTC(),
		Data: EventData{n.Org, n.Product, n.Version, n.License, n.Name, n.Customer, n.Activation, n.Details},
	}
}

// eventID derives the id from the event's key, so that an event that is recorded twice is one.
func eventID(n events.Event) string {
	return "evt_" + string(lease.HashOf([]byte(string(n.Org) + "\n" + string(n.Type) + "\n" + n.Key)))[:32]
}

// Record implements licensing.EventSink: it stores the event, which this node or another then dispatches.
func (s *Service) Record(ctx context.Context, n events.Event) error {
	id := eventID(n)
	if s.recentEvents.has(id) {
		return nil
	}
	_, err := s.eventEntries().Create(ctx, licensing.Entry{
		ID: id, Org: n.Org, List: string(n.License), Search: string(n.Type) + "\n" + n.Customer + "\n" + string(n.License),
		Created: n.Time, Due: n.Time, Until: n.Time + lease.Time(retention(n.Type).Milliseconds()),
	}, n)
	if err != nil && !errors.Is(err, licensing.ErrExists) {
		return err
	}
	s.recentEvents.add(id)
	s.wakeUp()
	return nil
}

// dispatchDue creates the deliveries of the events that are due. Existing deliveries are not created again, so any node may do it, and
// continue what a node that ended has left.
func (s *Service) dispatchDue(ctx context.Context) error {
	for {
		due, err := s.Store.DueEntries(ctx, eventKind, s.timestamp(), batchSize)
		if err != nil {
			return err
		}
		if err := s.dispatchBatch(ctx, due); err != nil || len(due) < batchSize {
			return err
		}
	}
}

func (s *Service) dispatchBatch(ctx context.Context, due []licensing.Entry) error {
	var errs []error
	for _, e := range due { // one that fails does not delay the others
		n, err := licensing.DecodeEntry[events.Event](e)
		if err == nil {
			err = s.dispatch(ctx, n.Value)
		}
		if err == nil {
			e.Due = 0
			_, err = s.Store.ReplaceEntry(ctx, e)
		}
		if err != nil && !isConflict(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Service) dispatch(ctx context.Context, n events.Event) error {
	if s.OnDelivered != nil {
		if err := s.OnDelivered(ctx, n); err != nil {
			return err
		}
	}
	event := eventOf(n)
	body := encode(event)
	if err := s.addToDigests(ctx, event); err != nil {
		return err
	}
	return s.forEachWebhook(ctx, n.Org, func(w Webhook) error {
		if w.Disabled || !slices.Contains(w.Events, n.Type) {
			return nil
		}
		return s.enqueue(ctx, w, event, body)
	})
}

// Events lists the events of a license, or with an empty id of the whole organisation, newest first.
func (s *Service) Events(ctx context.Context, org, license license.ID, page licensing.Page) (licensing.Listing[Event], error) {
	found, err := s.eventEntries().List(ctx, org, string(license), page)
	if err != nil {
		return licensing.Listing[Event]{}, err
	}
	return licensing.MapListing(found, func(e licensing.TypedEntry[events.Event]) (Event, error) { return eventOf(e.Value), nil })
}

// recentIDs remembers ids that are in the store, so that repeated events cost no query.
type recentIDs struct {
	mu  sync.Mutex
	ids map[string]bool
}

const maxRecentIDs = 10_000

func (r *recentIDs) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id]
}

func (r *recentIDs) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil || len(r.ids) >= maxRecentIDs {
		r.ids = map[string]bool{}
	}
	r.ids[id] = true
}

// EventTypes lists the types of event that can be subscribed to.
func EventTypes() (types []events.Type) {
	for _, t := range events.Types {
		types = append(types, t.Type)
	}
	return types
}
