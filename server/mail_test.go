package server

import (
	"testing"

	"github.com/onelicense/onelicense/server/access"
)

// Who may be told by mail is who may come in.
//
// proves part of B14
func TestPeopleToBeTold(t *testing.T) {
	w := begin(t)
	w.owner()
	w.member("", "help@acme.test", access.Support)
	w.member("", "left@acme.test", access.Admin)
	w.rival()
	left, err := w.s.store.MemberByEmail(t.Context(), "left@acme.test")
	if err != nil {
		t.Fatal(err)
	}
	left.Disabled = true
	if _, err := w.s.store.UpdateMember(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	people, err := w.s.people(t.Context(), left.Organisation)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, p := range people {
		told[p.Email] = p.Usual
	}
	if usual, ok := told["help@acme.test"]; len(told) != 2 || !told["owner@acme.test"] || usual || !ok {
		t.Errorf("told are %v", told)
	}
}
