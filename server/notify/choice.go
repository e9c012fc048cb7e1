package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// What somebody is told by mail: what they have chosen; if nothing, what their organisation has; if nothing, the usual. The last two are for
// those who answer for it.

const choiceKind = "notice_choice"

// Choice is what is told by mail.
type Choice struct {
	Events []licensing.NoticeType `json:"events"`
	Chosen bool                   `json:"-"` // and not what is usual
}

// Choice is a member's own, or with an empty id the organisation's.
func (s *Service) Choice(ctx context.Context, org, member license.ID) (Choice, error) {
	e, err := licensing.OrgEntry(ctx, s.Store, org, choiceKind, choiceID(org, member))
	if errors.Is(err, licensing.ErrNotFound) {
		return Choice{Events: Usual}, nil
	} else if err != nil {
		return Choice{}, err
	}
	c, err := decode[Choice](e)
	c.Chosen = true
	return c, err
}

// Choose sets it; nil forgets it.
func (s *Service) Choose(ctx context.Context, org, member license.ID, events []licensing.NoticeType) error {
	id := choiceID(org, member)
	if events == nil {
		if err := s.Store.DeleteEntry(ctx, choiceKind, id, 0); err != nil && !gone(err) {
			return err
		}
		return nil
	}
	for _, e := range events {
		if !slices.Contains(Types(), e) {
			return &licensing.Invalid{Field: "events", Problem: fmt.Sprintf("names %q, which is no event", string(e))}
		}
	}
	for range 10 {
		e, err := s.Store.Entry(ctx, choiceKind, id)
		if errors.Is(err, licensing.ErrNotFound) {
			err = s.Store.CreateEntry(ctx, licensing.Entry{Kind: choiceKind, ID: id, Org: org, Created: s.time(), Body: encode(Choice{Events: events})})
		} else if err == nil {
			e.Body = encode(Choice{Events: events})
			_, err = s.Store.ReplaceEntry(ctx, e)
		}
		if !errors.Is(err, licensing.ErrExists) && !gone(err) {
			return err
		}
	}
	return licensing.ErrStale
}

func (s *Service) chosen(ctx context.Context, org license.ID, p Person) ([]licensing.NoticeType, error) {
	c, err := s.Choice(ctx, org, p.ID)
	switch {
	case err != nil || c.Chosen:
		return c.Events, err
	case !p.Usual:
		return nil, nil
	}
	c, err = s.Choice(ctx, org, "")
	return c.Events, err
}

func choiceID(org, member license.ID) string { return string(org) + ":" + string(member) }
