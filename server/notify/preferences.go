package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

// A member gets mail about the events that they have chosen; without a choice, about those that the organisation has chosen; without
// either, about DefaultEvents. The last two apply to owners and admins only.

const preferencesKind = "notice_choice"

// Preferences are the types of event that are mailed.
type Preferences struct {
	Events   []events.Type `json:"events"`
	IsCustom bool          `json:"-"` // chosen, and not the default
}

// Preferences returns a member's own choice, or with an empty id the organisation's.
func (s *Service) Preferences(ctx context.Context, org, member license.ID) (Preferences, error) {
	e, err := s.preferenceEntries().GetOf(ctx, org, preferencesID(org, member))
	if errors.Is(err, licensing.ErrNotFound) {
		return Preferences{Events: DefaultEvents}, nil
	}
	e.Value.IsCustom = true
	return e.Value, err
}

// SetPreferences stores the choice; nil deletes it.
func (s *Service) SetPreferences(ctx context.Context, org, member license.ID, events []events.Type) error {
	id := preferencesID(org, member)
	if events == nil {
		return s.preferenceEntries().DeleteIfExists(ctx, id)
	}
	for _, e := range events {
		if !slices.Contains(EventTypes(), e) {
			return &licensing.Invalid{Field: "events", Problem: fmt.Sprintf("contains %q, which is not an event type", string(e))}
		}
	}
	for range 10 {
		e, err := s.preferenceEntries().Get(ctx, id)
		if errors.Is(err, licensing.ErrNotFound) {
			e.Entry, err = licensing.Entry{ID: id, Org: org, Created: s.timestamp()}, nil
		}
		if err == nil {
			e.Value = Preferences{Events: events}
			_, err = s.preferenceEntries().Put(ctx, e)
		}
		if !errors.Is(err, licensing.ErrExists) && !isConflict(err) {
			return err
		}
	}
	return licensing.ErrStale
}

func (s *Service) eventsFor(ctx context.Context, org license.ID, p Recipient) ([]events.Type, error) {
	c, err := s.Preferences(ctx, org, p.ID)
	switch {
	case err != nil || c.IsCustom:
		return c.Events, err
	case !p.GetsDefaults:
		return nil, nil
	}
	c, err = s.Preferences(ctx, org, "")
	return c.Events, err
}

func preferencesID(org, member license.ID) string { return string(org) + ":" + string(member) }
