package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/servertest"
)

func TestFurtherOrganisations(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	w.owner()
	token := w.NewOrganisationToken()
	if page := w.anonymous().Send("GET", "/setup?token="+token, nil, nil); !strings.Contains(string(page.Body), token) ||
		!strings.Contains(string(page.Body), "curl") {
		t.Errorf("the setup page does not say how: %s", page.Body)
	}
	f := servertest.SetupBody(token)
	w.anonymous().Do("POST", "/setup", f).WantProblem(http.StatusConflict, "exists") // somebody's address
	f["organisation"], f["email"] = "Rival", "owner@rival.test"
	made := w.anonymous().Must(http.StatusCreated, "POST", "/setup", f)
	if made["organisation"].(map[string]any)["name"] != "Rival" || made["member"].(map[string]any)["role"] != "owner" {
		t.Errorf("made %v", made)
	}
	f["email"] = "again@rival.test"
	w.anonymous().Do("POST", "/setup", f).WantProblem(http.StatusForbidden, "bad_link")
	f["token"] = w.NewOrganisationToken()
	w.Clock.Advance(access.SetupLifetime)
	w.anonymous().Do("POST", "/setup", f).WantProblem(http.StatusForbidden, "bad_link")
}
