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

// What somebody is told by mail: what they have chosen; if nothing, what their organisation has; if nothing, the usual. The last two are for
// those who answer for it.

const preferencesKind = "notice_choice"

// Preferences is what is told by mail.
type Preferences struct {
	Events   []events.Type `json:"events"`
	IsCustom bool          `json:"-"` // and not what is usual
}

// Preferences is a member's own, or with an empty id the organisation's.
func (s *Service) Preferences(ctx context.Context, org, member license.ID) (Preferences, error) {
	e, err := s.preferenceEntries().GetOf(ctx, org, preferencesID(org, member))
	if errors.Is(err, licensing.ErrNotFound) {
		return Preferences{Events: DefaultEvents}, nil
	}
	e.Value.IsCustom = true
	return e.Value, err
}

// SetPreferences sets it; nil forgets it.
func (s *Service) SetPreferences(ctx context.Context, org, member license.ID, events []events.Type) error {
	id := preferencesID(org, member)
	if events == nil {
		return s.preferenceEntries().DeleteIfExists(ctx, id)
	}
	for _, e := range events {
		if !slices.Contains(EventTypes(), e) {
			return &licensing.Invalid{Field: "events", Problem: fmt.Sprintf("names %q, which is no event", string(e))}
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
