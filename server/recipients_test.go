package server_test

import (
	"testing"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/servertest"
)

// Members who cannot log in are not notified either.
//
// proves part of B14
func TestRecipients(t *testing.T) {
	w := servertest.Start(t)
	w.Owner()
	w.AddMember("", "help@acme.test", access.Support)
	w.AddMember("", "left@acme.test", access.Admin)
	w.OtherOrganisation()
	left, err := w.Store.MemberByEmail(t.Context(), "left@acme.test")
	if err != nil {
		t.Fatal(err)
	}
	left.Disabled = true
	if _, err := w.Store.UpdateMember(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	people, err := server.Recipients(w.Server, t.Context(), left.Organisation)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, p := range people {
		told[p.Email] = p.GetsDefaults
	}
	if usual, ok := told["help@acme.test"]; len(told) != 2 || !told["owner@acme.test"] || usual || !ok {
		t.Errorf("told are %v", told)
	}
}
