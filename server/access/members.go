package access

import (
	"context"
	"errors"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Whoever may edit people may edit those of lesser rank and of their own, and raise nobody above themselves: owners are made, and
// changed, by owners alone.

// Members lists the people of the organisation, newest first.
func (s *Service) Members(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[Member], error) {
	return s.store.Members(ctx, org, page)
}

// Member reads one.
func (s *Service) Member(ctx context.Context, org, id license.ID) (Member, error) {
	return s.store.Member(ctx, org, id)
}

// MemberEdit is a change of a member; what is nil stays.
type MemberEdit struct {
	Name     *string
	Role     *Role
	Disabled *bool
}

// EditMember makes the change if the member is still at the revision, or with 0 at any. Disabling ends the member's sessions.
func (s *Service) EditMember(ctx context.Context, who Identity, id license.ID, revision int64, edit MemberEdit) (Member, error) {
	if err := edit.check(); err != nil {
		return Member{}, err
	}
	if edit.Role != nil && *edit.Role == Owner && who.Member.Role != Owner {
		return Member{}, errOwnersOnly
	}
	if edit.Role != nil {
		if err := who.checkMayGrant(*edit.Role); err != nil {
			return Member{}, err
		}
	}
	return s.changeMember(ctx, who, id, revision, false, func(m *Member) {
		if edit.Name != nil {
			m.Name = *edit.Name
		}
		if edit.Role != nil {
			m.Role = *edit.Role
		}
		if edit.Disabled != nil {
			m.Disabled = *edit.Disabled
		}
	})
}

func (e MemberEdit) check() error {
	if e.Role != nil {
		if err := checkRole(*e.Role); err != nil {
			return err
		}
	}
	if e.Name != nil {
		return checkLine("name", *e.Name)
	}
	return nil
}

func checkRole(role Role) error {
	if !slices.Contains(Roles, role) {
		return &licensing.Invalid{Field: "role", Problem: "is not one of the roles"}
	}
	return nil
}

// RemoveMember takes a member, at the revision or with 0 at any, out of the organisation, with sessions and tokens.
func (s *Service) RemoveMember(ctx context.Context, who Identity, id license.ID, revision int64) error {
	_, err := s.changeMember(ctx, who, id, revision, true, func(*Member) {})
	if err != nil {
		return err
	}
	// The tokens are worth nothing without their member already; this only tidies up.
	for {
		left, err := s.tokens().List(ctx, who.Organisation(), string(id), licensing.Page{})
		if err != nil || len(left.Items) == 0 {
			return err
		}
		for _, e := range left.Items {
			if err := s.tokens().DeleteIfExists(ctx, e.ID); err != nil {
				return err
			}
		}
	}
}

var errOwnersOnly = &Error{Code: "forbidden", Detail: "only an owner makes or changes owners"}

// changeMember makes a change of a member of the caller's organisation, again for as long as others come first and no revision was named.
func (s *Service) changeMember(ctx context.Context, who Identity, id license.ID, revision int64, remove bool, change func(*Member)) (Member, error) {
	for range maxRetries {
		m, err := s.store.Member(ctx, who.Organisation(), id)
		switch {
		case err != nil:
			return m, err
		case m.Role == Owner && who.Member.Role != Owner:
			return m, errOwnersOnly
		case revision != 0 && m.Revision != revision:
			return m, licensing.ErrStale
		}
		before := m
		change(&m)
		if before.isActiveOwner() && (remove || !m.isActiveOwner()) {
			m, err = s.demoteOwner(ctx, m, remove)
		} else if remove {
			err = s.store.DeleteMember(ctx, m.Organisation, m.ID, m.Revision)
		} else {
			m, err = s.store.UpdateMember(ctx, m)
		}
		if !errors.Is(err, licensing.ErrStale) || revision != 0 {
			return m, err
		}
	}
	return Member{}, licensing.ErrStale
}

// maxRetries is how often a change is tried again while others come first.
const maxRetries = 200

// Sessions lists a member's own that have not expired, newest first.
func (s *Service) Sessions(ctx context.Context, who Identity) ([]Session, error) {
	all, err := s.store.Sessions(ctx, who.Organisation(), who.Member.ID)
	now := s.timestamp()
	return slices.DeleteFunc(all, func(one Session) bool { return one.Expires <= now }), err
}

// EndSession ends one of the member's own.
func (s *Service) EndSession(ctx context.Context, who Identity, id lease.Hash) error {
	all, err := s.store.Sessions(ctx, who.Organisation(), who.Member.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(one Session) bool { return one.ID == id }) {
		return licensing.ErrNotFound
	}
	return s.store.EndSession(ctx, id)
}

// EndSessions ends all sessions of another member.
func (s *Service) EndSessions(ctx context.Context, who Identity, id license.ID) error {
	m, err := s.store.Member(ctx, who.Organisation(), id)
	if err != nil {
		return err
	}
	if m.Role == Owner && who.Member.Role != Owner {
		return errOwnersOnly
	}
	return s.store.EndSessions(ctx, m.Organisation, m.ID, "")
}
