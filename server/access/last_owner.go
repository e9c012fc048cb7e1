package access

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// An organisation always has an owner who can come in. To be the last one is a matter of several records, so changes that leave one owner
// fewer go one after another, on all nodes: each is written into one entry of the organisation before it is made.
//
//	read the entry; make the change that stands in it, if any, and take it out
//	find another owner
//	write the change into the entry, if its revision is still the one that was read
//	make the change, if the member's revision is still the one that it was decided for
//	take it out
//
// Nobody can have left between the reading and the writing, for that would have raised the entry's revision. Once a change is written, it is
// made or found impossible by whoever comes next, also when its node has died; only then it is taken out, so no slow node can make it
// later. The entry is never deleted: its revision must only rise.

const ownersKind = "owners"

// ownerChange is the body of the entry; with no member, nothing is under way.
type ownerChange struct {
	Member   license.ID `json:"member,omitempty"`
	Revision int64      `json:"revision,omitempty"`
	Remove   bool       `json:"remove,omitempty"`
	Name     string     `json:"name,omitempty"`
	Role     Role       `json:"role,omitempty"`
	Disabled bool       `json:"disabled,omitempty"`
}

func (m Member) isActiveOwner() bool { return m.Role == Owner && !m.Disabled }

// demoteOwner makes m of a member who, at m's revision, is an owner and in m is none, or removes it.
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
			return m, &Error{Code: "last_owner", Detail: "an organisation has at least one owner: make another one first"}
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
			err = nil // another node has made it
		}
		return changed, err
	}
	return m, licensing.ErrStale
}

// ownersEntry is the organisation's entry, with nothing under way.
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

// finishOwnerChange makes the change that stands in the entry, and takes it out. With ErrStale it gives the member as it is: the change was
// made by another, or has become impossible.
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
		return m, made // it is not known what became of it, so it stays written
	}
	e.Value = ownerChange{}
	if _, err := s.ownerChanges().Replace(ctx, e); err != nil && !errors.Is(err, licensing.ErrStale) {
		return m, err
	}
	return m, made
}

// hasOtherOwner tells whether somebody else is an owner who can come in.
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
