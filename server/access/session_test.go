package access_test

import (
	"context"
	"errors"
	"testing"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// delayedStore runs a function between the check of a password and the creation of the session.
type delayedStore struct {
	access.Store
	beforeCreateSession func()
}

func (s delayedStore) CreateSession(ctx context.Context, session access.Session, password string) error {
	s.beforeCreateSession()
	return s.Store.CreateSession(ctx, session, password)
}

// An attacker who knows the old password has begun to log in when the new one ends all sessions.
//
// proves part of S05
func TestPasswordChangeDuringLogin(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	m, err := w.store.MemberByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	node := access.New(delayedStore{w.store, func() {
		if err := w.store.SetPassword(t.Context(), m.Organisation, m.ID, m.Password, "another", ""); err != nil {
			t.Error(err)
		}
	}}, access.Options{Clock: w.clock, Sealer: plainSealer{}})
	access.FakeHashes(node)
	_, _, err = node.Login(t.Context(), email, password, "", home)
	if got, _ := errorCode(err); got != "bad_credentials" {
		t.Errorf("came in with the old password: %q", got)
	}
	if left, err := w.store.Sessions(t.Context(), m.Organisation, m.ID); err != nil || len(left) != 0 {
		t.Errorf("sessions %v, %v", left, err)
	}
}

// Two changes are in progress, and both have checked the old password: the second does not replace what the first has set.
//
// proves part of S05
func TestConcurrentPasswordChanges(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	_, who, err := w.nodes[0].Login(t.Context(), email, password, "", home)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.nodes[0].ChangePassword(t.Context(), who, password, "the first new one", home); err != nil {
		t.Fatal(err)
	}
	var wrong *licensing.Invalid
	if err := w.nodes[1].ChangePassword(t.Context(), who, password, "the second new one", home); !errors.As(err, &wrong) ||
		wrong.Field != "current_password" {
		t.Errorf("the second: %v", err)
	}
	w.wantLogin(0, email, "the second new one", home, "bad_credentials")
	w.wantLogin(0, email, "the first new one", home, "")
}
