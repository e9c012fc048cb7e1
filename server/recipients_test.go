package server

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/onelicense/onelicense/license/lease"

	"github.com/onelicense/onelicense/server/access"
)

// Who may be told by mail is who may come in.
//
// proves part of B14
func TestRecipients(t *testing.T) {
	w := startServer(t)
	w.owner()
	w.member("", "help@acme.test", access.Support)
	w.member("", "left@acme.test", access.Admin)
	w.otherOrganisation()
	left, err := w.s.data.Store.MemberByEmail(t.Context(), "left@acme.test")
	if err != nil {
		t.Fatal(err)
	}
	left.Disabled = true
	if _, err := w.s.data.Store.UpdateMember(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	people, err := w.s.recipients(t.Context(), left.Organisation)
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

// A link for somebody waits for a mail server that is away.
//
// proves part of B14
func TestLinkMailIsQueued(t *testing.T) {
	w := startServerWith(t, Config{Data: filepath.Join(t.TempDir(), "data"), PublicURL: "http://licenses.example.com",
		SMTP: SMTP{Host: "127.0.0.1", Port: 1, From: "licenses@acme.test", TLS: "none"}})
	w.owner().must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "new@acme.test", "role": "viewer"})
	hour := lease.Time(w.clock.now().UnixMilli() + 3_600_000)
	if waiting, err := w.s.data.Store.DueEntries(t.Context(), "mail", hour, 10); err != nil || len(waiting) != 1 {
		t.Errorf("%d messages wait: %v", len(waiting), err)
	}
}
