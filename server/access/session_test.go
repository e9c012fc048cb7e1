package access_test

import (
	"context"
	"testing"

	"github.com/onelicense/onelicense/server/access"
)

// slow is a store to which something happens between the check of a password and the session.
type slow struct {
	access.Store
	meanwhile func()
}

func (s slow) CreateSession(ctx context.Context, session access.Session, password string) error {
	s.meanwhile()
	return s.Store.CreateSession(ctx, session, password)
}

// Whoever knows the old password has begun to log in when the new one ends all sessions.
//
// proves part of S05
func TestPasswordChangesDuringALogin(t *testing.T) {
	w := begin(t)
	m, err := w.store.MemberByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	node := access.New(slow{w.store, func() {
		if err := w.store.SetPassword(t.Context(), m.Organisation, m.ID, "another", ""); err != nil {
			t.Error(err)
		}
	}}, access.Options{Clock: w.clock, Sealer: open{}})
	access.HashesOf(node)
	_, _, err = node.Login(t.Context(), email, password, "", home)
	if got, _ := code(err); got != "bad_credentials" {
		t.Errorf("came in with the old password: %q", got)
	}
	if left, err := w.store.Sessions(t.Context(), m.Organisation, m.ID); err != nil || len(left) != 0 {
		t.Errorf("sessions %v, %v", left, err)
	}
}
