package access

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// An organisation always keeps an owner who can log in. Whether an owner is the last one depends on several records, so changes that leave
// one owner fewer run one after another, on all nodes: each is written into one entry of the organisation before it is made.
//
//	read the entry; make the change that is written in it, if any, and remove it from the entry
//	find another owner
//	write the change into the entry, if its revision is still the one that was read
//	make the change, if the member's revision is still the one that the decision was made for
//	remove the change from the entry
//
// No owner can have left between reading and writing, because that would have raised the entry's revision. Once a change is written, the
// next caller makes it or finds that it has become impossible, even if the node that wrote it has died; only then it is removed, so no slow
// node can make it later. The entry is never deleted, because its revision must only rise.

const ownersKind = "owners"

// ownerChange is the body of the entry. Without a member no change is in progress.
type ownerChange struct {
	Member   license.ID `json:"member,omitempty"`
	Revision int64      `json:"revision,omitempty"`
	Remove   bool       `json:"remove,omitempty"`
	Name     string     `json:"name,omitempty"`
	Role     Role       `json:"role,omitempty"`
	Disabled bool       `json:"disabled,omitempty"`
}

func (m Member) isActiveOwner() bool { return m.Role == Owner && !m.Disabled }

// demoteOwner updates m, who is an owner at m's revision and is none in m, or removes the member. It refuses to leave the organisation
// without an active owner.
func (s *Service) demoteOwner(ctx context.Context, m Member, remove bool) (Member, error) {
	c := ownerChange{Member: m.ID, Revision: m.Revision, Remove: remove, Name: m.Name, Role: m.Role, Disabled: m.Disabled}
	for range maxRetries {
		e, err := s.ownersEntry(ctx, m.Organisation)
		if err != nil {
			return m, err
		}
		if other, err := s.hasOtherOwner(ctx, m); err != nil {
			return m, err
		} else if !other {
			return m, &Error{Code: "last_owner", Detail: "cannot remove the last owner; assign another owner first"}
		}
		e.Value = c
		e, err = s.ownerChanges().Replace(ctx, e)
		if errors.Is(err, licensing.ErrStale) {
			continue
		} else if err != nil {
			return m, err
		}
		changed, err := s.finishOwnerChange(ctx, e)
		if errors.Is(err, licensing.ErrStale) && !remove && !changed.isActiveOwner() && changed.Revision == m.Revision+1 ||
			errors.Is(err, licensing.ErrNotFound) && remove {
			err = nil // another node has made the change
		}
		return changed, err
	}
	return m, licensing.ErrStale
}

// ownersEntry returns the organisation's entry, after completing a change that is in progress.
func (s *Service) ownersEntry(ctx context.Context, org license.ID) (licensing.TypedEntry[ownerChange], error) {
	for range maxRetries {
		e, err := s.ownerChanges().Get(ctx, string(org))
		if errors.Is(err, licensing.ErrNotFound) {
			_, err = s.ownerChanges().Create(ctx, licensing.Entry{ID: string(org), Org: org, Created: s.timestamp()}, ownerChange{})
			if err == nil || errors.Is(err, licensing.ErrExists) {
				continue
			}
		}
		if err != nil || e.Value.Member == "" {
			return e, err
		}
		if _, err := s.finishOwnerChange(ctx, e); err != nil && !errors.Is(err, licensing.ErrStale) && !errors.Is(err, licensing.ErrNotFound) {
			return e, err
		}
	}
	return licensing.TypedEntry[ownerChange]{}, licensing.ErrStale
}

// finishOwnerChange makes the change in the entry and removes it from the entry. With ErrStale it returns the member as stored: another
// node made the change, or it has become impossible.
func (s *Service) finishOwnerChange(ctx context.Context, e licensing.TypedEntry[ownerChange]) (Member, error) {
	c := e.Value
	m, made := s.store.Member(ctx, e.Org, c.Member)
	switch {
	case made != nil:
	case m.Revision != c.Revision:
		made = licensing.ErrStale
	case c.Remove:
		made = s.store.DeleteMember(ctx, e.Org, c.Member, c.Revision)
	default:
		m.Name, m.Role, m.Disabled = c.Name, c.Role, c.Disabled
		m, made = s.store.UpdateMember(ctx, m)
	}
	if made != nil && !errors.Is(made, licensing.ErrStale) && !errors.Is(made, licensing.ErrNotFound) {
		return m, made // the outcome is unknown, so the change stays in the entry
	}
	e.Value = ownerChange{}
	if _, err := s.ownerChanges().Replace(ctx, e); err != nil && !errors.Is(err, licensing.ErrStale) {
		return m, err
	}
	return m, made
}

// hasOtherOwner reports whether another active member is an owner.
func (s *Service) hasOtherOwner(ctx context.Context, m Member) (bool, error) {
	page := licensing.Page{Limit: 200}
	for {
		l, err := s.store.Members(ctx, m.Organisation, page)
		if err != nil {
			return false, err
		}
		for _, other := range l.Items {
			if other.isActiveOwner() && other.ID != m.ID {
				return true, nil
			}
		}
		if l.Next == "" {
			return false, nil
		}
		page.After = l.Next
	}
}
