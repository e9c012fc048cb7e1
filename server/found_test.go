package server

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/access"
)

// rival is the owner of another organisation, founded by a link of whoever operates the server.
func (w *world) rival() *person {
	w.Helper()
	link, _, err := w.s.access.NewOrganisation(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	f := founding(tokenIn(w, link))
	f["organisation"], f["email"] = "Rival", "owner@rival.test"
	p := w.stranger()
	p.must(http.StatusCreated, "POST", "/setup", f)
	return p
}

func TestFurtherOrganisations(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	w := beginWith(t, Config{Data: data})
	w.owner()
	link, _, err := w.s.access.NewOrganisation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token := tokenIn(w, link)
	if page := w.stranger().send("GET", "/setup?token="+token, nil, nil); !strings.Contains(string(page.body), token) || !strings.Contains(string(page.body), "curl") {
		t.Errorf("the setup page does not say how: %s", page.body)
	}
	f := founding(token)
	w.stranger().do("POST", "/setup", f).refused(http.StatusConflict, "exists") // somebody's address
	f["organisation"], f["email"] = "Rival", "owner@rival.test"
	made := w.stranger().must(http.StatusCreated, "POST", "/setup", f)
	if made["organisation"].(map[string]any)["name"] != "Rival" || made["member"].(map[string]any)["role"] != "owner" {
		t.Errorf("made %v", made)
	}
	f["email"] = "again@rival.test"
	w.stranger().do("POST", "/setup", f).refused(http.StatusForbidden, "bad_link")
	if link, _, err = w.s.access.NewOrganisation(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(access.SetupLife)
	f["token"] = tokenIn(w, link)
	w.stranger().do("POST", "/setup", f).refused(http.StatusForbidden, "bad_link")
}

func TestFoundingFromTheShell(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if _, _, err := Found(t.Context(), Config{Data: data}); err == nil || !strings.Contains(err.Error(), "there is no") || exists(data) {
		t.Errorf("no server: %v", err)
	}
	c := Config{Data: data, PublicURL: "https://licenses.example.com/"}
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.access.SetUp(t.Context(), access.Founding{Token: s.setupToken, Organisation: "Acme", Name: "Ada", Email: "ada@acme.test", Password: password}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Found(t.Context(), c); err == nil {
		t.Error("two processes hold one directory")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	link, until, err := Found(t.Context(), c)
	if err != nil || !strings.HasPrefix(link, "https://licenses.example.com/setup?token=") || until.IsZero() {
		t.Errorf("%q %v %v", link, until, err)
	}
}
