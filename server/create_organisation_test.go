package server

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/ops"
)

// otherOrganisation is the owner of another organisation, founded by a link of whoever operates the server.
func (w *testServer) otherOrganisation() *user {
	w.Helper()
	link, _, err := w.s.access.NewOrganisationLink(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	f := setupBody(tokenIn(w, link))
	f["organisation"], f["email"] = "Rival", "owner@rival.test"
	p := w.anonymous()
	p.must(http.StatusCreated, "POST", "/setup", f)
	return p
}

func TestFurtherOrganisations(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	w := startServerWith(t, Config{Data: data})
	w.owner()
	link, _, err := w.s.access.NewOrganisationLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token := tokenIn(w, link)
	if page := w.anonymous().send("GET", "/setup?token="+token, nil, nil); !strings.Contains(string(page.body), token) || !strings.Contains(string(page.body), "curl") {
		t.Errorf("the setup page does not say how: %s", page.body)
	}
	f := setupBody(token)
	w.anonymous().do("POST", "/setup", f).wantProblem(http.StatusConflict, "exists") // somebody's address
	f["organisation"], f["email"] = "Rival", "owner@rival.test"
	made := w.anonymous().must(http.StatusCreated, "POST", "/setup", f)
	if made["organisation"].(map[string]any)["name"] != "Rival" || made["member"].(map[string]any)["role"] != "owner" {
		t.Errorf("made %v", made)
	}
	f["email"] = "again@rival.test"
	w.anonymous().do("POST", "/setup", f).wantProblem(http.StatusForbidden, "bad_link")
	if link, _, err = w.s.access.NewOrganisationLink(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(access.SetupLifetime)
	f["token"] = tokenIn(w, link)
	w.anonymous().do("POST", "/setup", f).wantProblem(http.StatusForbidden, "bad_link")
}

func TestNewOrganisationLink(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	const url = "https://licenses.example.com/"
	create := func() (string, time.Time, error) {
		return ops.NewOrganisationLink(t.Context(), data.Options{Dir: dir}, url, time.Now)
	}
	if _, _, err := create(); err == nil || !strings.Contains(err.Error(), "there is no") || data.Exists(dir) {
		t.Errorf("no server: %v", err)
	}
	s, err := Open(Config{Data: dir, PublicURL: url})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.access.SetUp(t.Context(), access.SetupInput{Token: s.setupToken, Organisation: "Acme", Name: "Ada", Email: "ada@acme.test", Password: password}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := create(); err == nil {
		t.Error("two processes hold one directory")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	link, until, err := create()
	if err != nil || !strings.HasPrefix(link, "https://licenses.example.com/setup?token=") || until.IsZero() {
		t.Errorf("%q %v %v", link, until, err)
	}
}
