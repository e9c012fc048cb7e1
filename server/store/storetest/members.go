package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

func membersInLists(t *testing.T, s access.Store) {
	ctx := t.Context()
	createOwner(t, s)
	must(t, s.CreateMember(ctx, helper))
	for search, want := range map[string][]access.Member{"": {helper, owner}, "HELP@": {helper}, "ö. w": {owner}, "nobody": {}} {
		l, err := s.Members(ctx, acme.ID, licensing.Page{Search: search})
		must(t, err)
		requireEqual(t, len(l.Items), len(want))
		for i := range want {
			requireEqual(t, l.Items[i], want[i])
		}
	}
	first, err := s.Members(ctx, acme.ID, licensing.Page{Limit: 1})
	must(t, err)
	second, err := s.Members(ctx, acme.ID, licensing.Page{Limit: 1, After: first.Next})
	must(t, err)
	requireEqual(t, first.Items[0], helper)
	requireEqual(t, second.Items[0], owner)
	requireEqual(t, second.Next, "")
	others, err := s.Members(ctx, pid("b"), licensing.Page{})
	must(t, err)
	requireEqual(t, len(others.Items), 0)
}

func membersAreEditedByRevision(t *testing.T, s access.Store) {
	ctx := t.Context()
	createOwner(t, s)
	must(t, s.CreateMember(ctx, helper))
	m := helper
	m.Name, m.Email, m.Role, m.Verified = "Hélène", "new@acme.test", access.Developer, false
	edited, err := s.UpdateMember(ctx, m)
	must(t, err)
	m.Revision = 2
	requireEqual(t, edited, m)
	got, err := s.MemberByEmail(ctx, "new@acme.test")
	must(t, err)
	requireEqual(t, got, m)
	_, err = s.MemberByEmail(ctx, helper.Email)
	wantError(t, err, licensing.ErrNotFound)
	l, err := s.Members(ctx, acme.ID, licensing.Page{Search: "hélène"})
	must(t, err)
	requireEqual(t, len(l.Items), 1)

	_, err = s.UpdateMember(ctx, helper) // as it was read before
	wantError(t, err, licensing.ErrStale)
	m.Email = owner.Email
	_, err = s.UpdateMember(ctx, m)
	wantError(t, err, licensing.ErrExists)
	again := helper // the address that was given up is free
	again.ID = pid("9")
	must(t, s.CreateMember(ctx, again))
	nobody := helper
	nobody.ID = pid("8")
	_, err = s.UpdateMember(ctx, nobody)
	wantError(t, err, licensing.ErrNotFound)
}

func membersAreDeleted(t *testing.T, s access.Store) {
	ctx := t.Context()
	createOwner(t, s)
	must(t, s.CreateMember(ctx, helper))
	open := session("open", helper, 3000)
	must(t, s.CreateSession(ctx, open, helper.Password))
	wantError(t, s.DeleteMember(ctx, acme.ID, helper.ID, 2), licensing.ErrStale)
	must(t, s.DeleteMember(ctx, acme.ID, helper.ID, 1))
	wantError(t, s.DeleteMember(ctx, acme.ID, helper.ID, 1), licensing.ErrNotFound)
	_, err := s.Member(ctx, acme.ID, helper.ID)
	wantError(t, err, licensing.ErrNotFound)
	_, err = s.MemberByEmail(ctx, helper.Email)
	wantError(t, err, licensing.ErrNotFound)
	_, _, err = s.Session(ctx, open.ID)
	wantError(t, err, licensing.ErrNotFound)
	again := helper
	again.ID = pid("9")
	must(t, s.CreateMember(ctx, again)) // with the same address
}

func sessionsOfOneMember(t *testing.T, s access.Store) {
	ctx := t.Context()
	createOwner(t, s)
	must(t, s.CreateMember(ctx, helper))
	old, present, others := session("old", owner, 3000), session("present", owner, 3000), session("others", helper, 3000)
	present.Created = 2500
	must(t, s.CreateSession(ctx, old, owner.Password))
	must(t, s.CreateSession(ctx, present, owner.Password))
	must(t, s.CreateSession(ctx, others, helper.Password))
	list := func() []access.Session {
		t.Helper()
		all, err := s.Sessions(ctx, acme.ID, owner.ID)
		must(t, err)
		return all
	}
	all := list()
	requireEqual(t, len(all), 2)
	requireEqual(t, all[0], present)
	requireEqual(t, all[1], old)
	must(t, s.EndSessions(ctx, acme.ID, owner.ID, old.ID))
	all = list()
	requireEqual(t, len(all), 1)
	requireEqual(t, all[0], old)
	must(t, s.EndSessions(ctx, acme.ID, owner.ID, ""))
	requireEqual(t, len(list()), 0)
	_, _, err := s.Session(ctx, others.ID)
	must(t, err)
}

func concurrentSameEmail(t *testing.T, s access.Store) {
	createOwner(t, s)
	requireEqual(t, runConcurrently(t, func(n int) error {
		m := helper
		m.ID = license.ID(fmt.Sprintf("%024x", n))
		return s.CreateMember(context.Background(), m)
	}, func(err error) bool { return errors.Is(err, licensing.ErrExists) }), 1)
}

func concurrentMemberEdits(t *testing.T, s access.Store) {
	createOwner(t, s)
	must(t, s.CreateMember(t.Context(), helper))
	must(t, s.CreateSession(t.Context(), session("open", helper, 3000), helper.Password))
	requireEqual(t, runConcurrently(t, func(n int) error {
		m := helper
		m.Name, m.Disabled = fmt.Sprint(n), n%2 == 0
		if n%8 == 1 {
			return s.DeleteMember(context.Background(), acme.ID, m.ID, m.Revision)
		}
		_, err := s.UpdateMember(context.Background(), m)
		return err
	}, func(err error) bool {
		return errors.Is(err, licensing.ErrStale) || errors.Is(err, licensing.ErrNotFound)
	}), 1)
	m, err := s.Member(t.Context(), acme.ID, helper.ID)
	_, _, open := s.Session(t.Context(), lease.HashOf([]byte("open")))
	if out := err != nil || m.Disabled; out != errors.Is(open, licensing.ErrNotFound) {
		t.Errorf("member %+v %v, session %v", m, err, open)
	}
}

// concurrentOwnerRemoval: two nodes demote, disable or remove every owner at the same time; one must be left.
func concurrentOwnerRemoval(t *testing.T, s access.Store) {
	createOwner(t, s)
	owners := []access.Member{owner}
	for n := range 7 {
		m := owner
		m.ID, m.Email = license.ID(fmt.Sprintf("%024x", n+100)), fmt.Sprintf("%d@acme.test", n)
		must(t, s.CreateMember(t.Context(), m))
		owners = append(owners, m)
	}
	o := access.Options{Clock: func() time.Time { return time.UnixMilli(9000) }}
	nodes := []*access.Service{access.New(s, o), access.New(s, o)}
	who, viewer, yes := access.Identity{Member: owner}, access.Viewer, true
	left := runConcurrently(t, func(n int) (err error) {
		ctx, node, id := context.Background(), nodes[n%2], owners[n%len(owners)].ID
		switch n % 3 {
		case 0:
			_, err = node.EditMember(ctx, who, id, 0, access.MemberEdit{Role: &viewer})
		case 1:
			_, err = node.EditMember(ctx, who, id, 0, access.MemberEdit{Disabled: &yes})
		default:
			err = node.RemoveMember(ctx, who, id, 0)
		}
		return err
	}, func(err error) bool {
		var refused *access.Error
		return errors.As(err, &refused) && refused.Code == "last_owner" || errors.Is(err, licensing.ErrNotFound) || errors.Is(err,
			licensing.ErrStale)
	})
	if left == 0 {
		t.Error("no owner could be removed")
	}
	l, err := s.Members(t.Context(), acme.ID, licensing.Page{})
	must(t, err)
	in := 0
	for _, m := range l.Items {
		if m.Role == access.Owner && !m.Disabled {
			in++
		}
	}
	requireEqual(t, in, 1)
}
