package access

import (
	"context"
	"errors"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A member with permission to edit members may edit those of equal or lower rank, and may promote nobody above their own role: only owners
// create and change owners.

// Members lists the members of the organisation, newest first.
func (s *Service) Members(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[Member], error) {
	return s.store.Members(ctx, org, page)
}

// Member returns one member of the organisation.
func (s *Service) Member(ctx context.Context, org, id license.ID) (Member, error) {
	return s.store.Member(ctx, org, id)
}

// MemberEdit is a change to a member; nil fields stay as they are.
type MemberEdit struct {
	Name     *string
	Role     *Role
	Disabled *bool
}

// EditMember applies the edit if the member has the revision; revision 0 means any. Disabling ends the member's sessions.
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
		return &licensing.Invalid{Field: "role", Problem: "is not a role; use owner, admin, developer, support or viewer"}
	}
	return nil
}

// RemoveMember deletes a member with their sessions and tokens, if the member has the revision; revision 0 means any.
func (s *Service) RemoveMember(ctx context.Context, who Identity, id license.ID, revision int64) error {
	_, err := s.changeMember(ctx, who, id, revision, true, func(*Member) {})
	if err != nil {
		return err
	}
	// Tokens are invalid without their member already; this only frees the space.
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

var errOwnersOnly = &Error{Code: "forbidden", Detail: "only owners can assign or change the owner role"}

// changeMember changes a member of the caller's organisation. Without a revision it retries while concurrent edits win.
func (s *Service) changeMember(ctx context.Context, who Identity, id license.ID, revision int64, remove bool,
	change func(*Member)) (Member, error) {
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

// maxRetries is the number of times that a change is retried while concurrent changes win.
const maxRetries = 200

// Sessions lists the caller's own sessions that have not expired, newest first.
func (s *Service) Sessions(ctx context.Context, who Identity) ([]Session, error) {
	all, err := s.store.Sessions(ctx, who.Organisation(), who.Member.ID)
	now := s.timestamp()
	return slices.DeleteFunc(all, func(one Session) bool { return one.Expires <= now }), err
}

// EndSession ends one of the caller's own sessions.
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
