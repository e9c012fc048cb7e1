package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// RunAccess checks a store against the contract of access.Store. open returns a new, empty store for each test and closes it at its end.
func RunAccess(t *testing.T, open func(t *testing.T) access.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, access.Store)
	}{
		{"first_owner_is_created_once", firstOwnerIsCreatedOnce},
		{"concurrent_first_owners", concurrentFirstOwners},
		{"new_setup_token_replaces_old", newSetupTokenReplacesOld},
		{"email_is_unique", emailIsUnique},
		{"member_of_another_organisation", memberOfAnotherOrganisation},
		{"session_lifecycle", sessionLifecycle},
		{"new_password_ends_other_sessions", newPasswordEndsOtherSessions},
		{"login_during_password_change", loginDuringPasswordChange},
		{"disabled_member_has_no_session", disabledMemberHasNoSession},
		{"expired_sessions_are_deleted", expiredSessionsAreDeleted},
		{"members_in_lists", membersInLists},
		{"members_are_edited_by_revision", membersAreEditedByRevision},
		{"members_are_deleted", membersAreDeleted},
		{"sessions_of_one_member", sessionsOfOneMember},
		{"concurrent_same_email", concurrentSameEmail},
		{"concurrent_member_edits", concurrentMemberEdits},
		{"concurrent_owner_removal", concurrentOwnerRemoval},
		{"concurrent_password_changes_and_logins", concurrentPasswordChangesAndLogins},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

// The members of the tests. CreateFirstOwner creates only one organisation, so the member of the second one is created by CreateMember
// alone.
var (
	acme  = licensing.Organisation{ID: pid("a"), Name: "Acme", Created: 1000}
	owner = access.Member{
		ID: pid("1"), Organisation: acme.ID, Email: "owner@acme.test", Name: "Ö. Wner", Role: access.Owner, Password: "$argon2id$1", Revision: 1,
		Created: 1001,
	}
	helper = access.Member{
		ID: pid("2"), Organisation: acme.ID, Email: "help@acme.test", Name: "Helper", Role: access.Support, Password: "$argon2id$2",
		Verified: true, Revision: 1, Created: 1002,
	}
	token = access.SetupToken{Hash: lease.HashOf([]byte("setup")), Expires: 5000}
)

func pid(digit string) license.ID { return license.ID(strings.Repeat(digit, 24)) }

func createOwner(t *testing.T, s access.Store) {
	t.Helper()
	must(t, s.SetSetupToken(t.Context(), token))
	must(t, s.CreateFirstOwner(t.Context(), token.Hash, acme, owner))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func requireEqual[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func firstOwnerIsCreatedOnce(t *testing.T, s access.Store) {
	ctx := t.Context()
	_, err := s.SetupToken(ctx)
	wantError(t, err, licensing.ErrNotFound)
	wantError(t, s.CreateFirstOwner(ctx, token.Hash, acme, owner), licensing.ErrNotFound)
	yes, err := s.HasOwner(ctx)
	must(t, err)
	requireEqual(t, yes, false)
	must(t, s.SetSetupToken(ctx, token))
	got, err := s.SetupToken(ctx)
	must(t, err)
	requireEqual(t, got, token)
	wantError(t, s.CreateFirstOwner(ctx, lease.HashOf([]byte("guess")), acme, owner), licensing.ErrNotFound)
	must(t, s.CreateFirstOwner(ctx, token.Hash, acme, owner))
	yes, err = s.HasOwner(ctx)
	must(t, err)
	requireEqual(t, yes, true)
	m, err := s.Member(ctx, acme.ID, owner.ID)
	must(t, err)
	requireEqual(t, m, owner)
	_, err = s.SetupToken(ctx)
	wantError(t, err, licensing.ErrNotFound)
	// Even a new token creates no second owner.
	must(t, s.SetSetupToken(ctx, token))
	second := owner
	second.ID, second.Email = pid("3"), "second@acme.test"
	other := acme
	other.ID = pid("b")
	wantError(t, s.CreateFirstOwner(ctx, token.Hash, other, second), licensing.ErrExists)
	_, err = s.MemberByEmail(ctx, second.Email)
	wantError(t, err, licensing.ErrNotFound)
}

func concurrentFirstOwners(t *testing.T, s access.Store) {
	must(t, s.SetSetupToken(t.Context(), token))
	var made atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			digit := string("0123456789abcdef"[i])
			org, m := acme, owner
			org.ID, m.ID, m.Organisation, m.Email = pid(digit), pid(digit), pid(digit), digit+"@acme.test"
			switch err := s.CreateFirstOwner(context.Background(), token.Hash, org, m); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, licensing.ErrNotFound) && !errors.Is(err, licensing.ErrExists):
				t.Error(err)
			}
		})
	}
	all.Wait()
	requireEqual(t, made.Load(), 1)
}

func newSetupTokenReplacesOld(t *testing.T, s access.Store) {
	must(t, s.SetSetupToken(t.Context(), token))
	must(t, s.SetSetupToken(t.Context(), access.SetupToken{Hash: lease.HashOf([]byte("later")), Expires: 9000}))
	wantError(t, s.CreateFirstOwner(t.Context(), token.Hash, acme, owner), licensing.ErrNotFound)
}

func emailIsUnique(t *testing.T, s access.Store) {
	createOwner(t, s)
	must(t, s.CreateMember(t.Context(), helper))
	again := helper
	again.ID = pid("9")
	wantError(t, s.CreateMember(t.Context(), again), licensing.ErrExists)
	m, err := s.MemberByEmail(t.Context(), helper.Email)
	must(t, err)
	requireEqual(t, m, helper)
}

func memberOfAnotherOrganisation(t *testing.T, s access.Store) {
	createOwner(t, s)
	_, err := s.Member(t.Context(), pid("b"), owner.ID)
	wantError(t, err, licensing.ErrNotFound)
	theirs := owner
	theirs.Organisation = pid("b")
	_, err = s.UpdateMember(t.Context(), theirs)
	wantError(t, err, licensing.ErrNotFound)
	wantError(t, s.DeleteMember(t.Context(), pid("b"), owner.ID, 1), licensing.ErrNotFound)
	wantError(t, s.EndSessions(t.Context(), pid("b"), owner.ID, ""), licensing.ErrNotFound)
	sessions, err := s.Sessions(t.Context(), pid("b"), owner.ID)
	must(t, err)
	requireEqual(t, len(sessions), 0)
	wantError(t, s.SetPassword(t.Context(), pid("b"), owner.ID, owner.Password, "x", ""), licensing.ErrNotFound)
	m, err := s.Member(t.Context(), acme.ID, owner.ID)
	must(t, err)
	requireEqual(t, m, owner)
}

func session(name string, of access.Member, expires lease.Time) access.Session {
	return access.Session{ID: lease.HashOf([]byte(name)), Member: of.ID, AuthMethod: access.AuthPassword, Created: 2000, Expires: expires}
}

func sessionLifecycle(t *testing.T, s access.Store) {
	createOwner(t, s)
	mine := session("mine", owner, 3000)
	_, _, err := s.Session(t.Context(), mine.ID)
	wantError(t, err, licensing.ErrNotFound)
	must(t, s.CreateSession(t.Context(), mine, owner.Password))
	got, m, err := s.Session(t.Context(), mine.ID)
	must(t, err)
	requireEqual(t, got, mine)
	requireEqual(t, m, owner)
	must(t, s.EndSession(t.Context(), mine.ID))
	must(t, s.EndSession(t.Context(), mine.ID))
	_, _, err = s.Session(t.Context(), mine.ID)
	wantError(t, err, licensing.ErrNotFound)
}

func newPasswordEndsOtherSessions(t *testing.T, s access.Store) {
	createOwner(t, s)
	must(t, s.CreateMember(t.Context(), helper))
	here, elsewhere, others := session("here", owner, 3000), session("elsewhere", owner, 3000), session("others", helper, 3000)
	must(t, s.CreateSession(t.Context(), here, owner.Password))
	must(t, s.CreateSession(t.Context(), elsewhere, owner.Password))
	must(t, s.CreateSession(t.Context(), others, helper.Password))
	wantError(t, s.SetPassword(t.Context(), acme.ID, owner.ID, "$argon2id$another", "$argon2id$late", ""), licensing.ErrStale)
	must(t, s.SetPassword(t.Context(), acme.ID, owner.ID, owner.Password, "$argon2id$new", here.ID))
	wantError(t, s.SetPassword(t.Context(), acme.ID, owner.ID, owner.Password, "$argon2id$late", ""), licensing.ErrStale)
	_, m, err := s.Session(t.Context(), here.ID)
	must(t, err)
	requireEqual(t, m.Password, "$argon2id$new")
	_, _, err = s.Session(t.Context(), elsewhere.ID)
	wantError(t, err, licensing.ErrNotFound)
	_, _, err = s.Session(t.Context(), others.ID)
	must(t, err)
}

// loginDuringPasswordChange: the password was checked, and then it is changed, or the member, before the session is created.
func loginDuringPasswordChange(t *testing.T, s access.Store) {
	ctx := t.Context()
	createOwner(t, s)
	must(t, s.SetPassword(ctx, acme.ID, owner.ID, owner.Password, "$argon2id$new", ""))
	late := session("late", owner, 3000)
	wantError(t, s.CreateSession(ctx, late, owner.Password), licensing.ErrNotFound)
	_, _, err := s.Session(ctx, late.ID)
	wantError(t, err, licensing.ErrNotFound)
	must(t, s.CreateSession(ctx, late, "$argon2id$new"))

	must(t, s.CreateMember(ctx, helper))
	out := helper
	out.Disabled = true
	out, err = s.UpdateMember(ctx, out)
	must(t, err)
	theirs := session("theirs", helper, 3000)
	wantError(t, s.CreateSession(ctx, theirs, helper.Password), licensing.ErrNotFound)
	must(t, s.DeleteMember(ctx, acme.ID, helper.ID, out.Revision))
	wantError(t, s.CreateSession(ctx, theirs, helper.Password), licensing.ErrNotFound)
}

// concurrentPasswordChangesAndLogins: in any order, a session that stays was created with the password that stays.
func concurrentPasswordChangesAndLogins(t *testing.T, s access.Store) {
	createOwner(t, s)
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			if n == 8 {
				if err := s.SetPassword(context.Background(), acme.ID, owner.ID, owner.Password, "$argon2id$new", ""); err != nil {
					t.Error(err)
				}
				return
			}
			err := s.CreateSession(context.Background(), session(strings.Repeat("x", n), owner, 3000), owner.Password)
			if err != nil && !errors.Is(err, licensing.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	left, err := s.Sessions(t.Context(), acme.ID, owner.ID)
	must(t, err)
	requireEqual(t, len(left), 0)
}

func disabledMemberHasNoSession(t *testing.T, s access.Store) {
	createOwner(t, s)
	mine := session("mine", owner, 3000)
	must(t, s.CreateSession(t.Context(), mine, owner.Password))
	out := owner
	out.Disabled = true
	out, err := s.UpdateMember(t.Context(), out)
	must(t, err)
	_, _, err = s.Session(t.Context(), mine.ID)
	wantError(t, err, licensing.ErrNotFound)
	out.Disabled = false
	out, err = s.UpdateMember(t.Context(), out)
	must(t, err)
	m, err := s.Member(t.Context(), acme.ID, owner.ID)
	must(t, err)
	requireEqual(t, m, out)
	_, _, err = s.Session(t.Context(), mine.ID) // a member who is enabled again has to log in again
	wantError(t, err, licensing.ErrNotFound)
}

func expiredSessionsAreDeleted(t *testing.T, s access.Store) {
	createOwner(t, s)
	old, present := session("old", owner, 2999), session("present", owner, 3000)
	must(t, s.CreateSession(t.Context(), old, owner.Password))
	must(t, s.CreateSession(t.Context(), present, owner.Password))
	_, _, err := s.Session(t.Context(), old.ID) // the store does not check the expiry
	must(t, err)
	must(t, s.DeleteExpiredSessions(t.Context(), 3000))
	_, _, err = s.Session(t.Context(), old.ID)
	wantError(t, err, licensing.ErrNotFound)
	_, _, err = s.Session(t.Context(), present.ID)
	must(t, err)
}
