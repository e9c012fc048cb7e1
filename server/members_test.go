package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/access"
)

// memberID is the id of the colleague with the address.
func (p *user) memberID(email string) string {
	p.w.Helper()
	for _, one := range p.must(http.StatusOK, "GET", "/members?search="+email, nil)["items"].([]any) {
		if m := one.(map[string]any); m["email"] == email {
			return m["id"].(string)
		}
	}
	p.w.Fatalf("nobody has the address %s", email)
	return ""
}

// proves S05
func TestMembersCRUD(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	w.member("", "help@acme.test", access.Support)
	helper := w.login("help@acme.test")

	list := owner.must(http.StatusOK, "GET", "/members", nil)["items"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["email"] != "help@acme.test" {
		t.Errorf("listed %v", list)
	}
	id := owner.memberID("help@acme.test")
	path := "/members/" + id
	edited := owner.must(http.StatusOK, "PATCH", path, map[string]any{"revision": 1, "name": "Hélène", "role": "developer"})
	if edited["name"] != "Hélène" || edited["role"] != "developer" || edited["revision"] != 2.0 {
		t.Errorf("edited %v", edited)
	}
	owner.do("PATCH", path, map[string]any{"revision": 1, "name": "Helen"}).wantProblem(http.StatusConflict, "edit_conflict")
	for field, body := range map[string]map[string]any{
		"name": {"revision": 2, "name": "two\nlines"}, "role": {"revision": 2, "role": "king"}, "revision": {"revision": 0, "name": "Helen"},
		"email": {"revision": 2, "email": "other@acme.test"},
	} {
		if p := owner.do("PATCH", path, body).wantProblem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Field != field {
			t.Errorf("field %q, want %q", p.Errors[0].Field, field)
		}
	}
	helper.must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Modeler"}) // with the new role, at once

	owner.must(http.StatusNoContent, "DELETE", path+"/sessions", nil)
	helper.do("GET", "/session", nil).wantProblem(http.StatusUnauthorized, "bad_session")
	helper = w.login("help@acme.test")
	secret := helper.token(access.ReadCatalogue)
	owner.must(http.StatusNoContent, "DELETE", path, nil)
	helper.do("GET", "/session", nil).wantProblem(http.StatusUnauthorized, "bad_session")
	w.withToken(secret).do("GET", "/products", nil).wantProblem(http.StatusUnauthorized, "bad_token")
	owner.do("GET", path, nil).wantProblem(http.StatusNotFound, "not_found")
	w.anonymous().do("POST", "/session", map[string]string{"email": "help@acme.test", "password": password}).
		wantProblem(http.StatusUnauthorized, "bad_credentials")
	if left := owner.must(http.StatusOK, "GET", "/organisation/tokens", nil)["items"].([]any); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// proves part of S05
func TestLastOwnerCannotBeRemoved(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	path := "/members/" + owner.memberID("owner@acme.test")
	last := func() {
		t.Helper()
		owner.do("PATCH", path, map[string]any{"revision": 1, "role": "admin"}).wantProblem(http.StatusConflict, "last_owner")
		owner.do("POST", path+"/disable", nil).wantProblem(http.StatusConflict, "last_owner")
		owner.do("DELETE", path, nil).wantProblem(http.StatusConflict, "last_owner")
	}
	last()
	w.member("", "second@acme.test", access.Owner)
	owner.must(http.StatusOK, "POST", "/members/"+owner.memberID("second@acme.test")+"/disable", nil)
	last() // whoever is shut out does not count
	owner.must(http.StatusOK, "POST", "/members/"+owner.memberID("second@acme.test")+"/enable", nil)
	owner.must(http.StatusOK, "PATCH", path, map[string]any{"revision": 1, "role": "admin"})
}

// proves part of S07
func TestOnlyOwnersAssignOwnerRole(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	w.member("", "admin@acme.test", access.Admin)
	w.member("", "help@acme.test", access.Support)
	admin := w.login("admin@acme.test")
	first, helper := "/members/"+owner.memberID("owner@acme.test"), "/members/"+owner.memberID("help@acme.test")
	w.member("", "second@acme.test", access.Owner) // so that it is not for being the last
	admin.do("PATCH", first, map[string]any{"revision": 1, "role": "viewer"}).wantProblem(http.StatusForbidden, "forbidden")
	admin.do("POST", first+"/disable", nil).wantProblem(http.StatusForbidden, "forbidden")
	admin.do("DELETE", first, nil).wantProblem(http.StatusForbidden, "forbidden")
	admin.do("DELETE", first+"/sessions", nil).wantProblem(http.StatusForbidden, "forbidden")
	for _, path := range []string{helper, "/members/" + owner.memberID("admin@acme.test")} {
		admin.do("PATCH", path, map[string]any{"revision": 1, "role": "owner"}).wantProblem(http.StatusForbidden, "forbidden")
	}
	admin.must(http.StatusOK, "PATCH", helper, map[string]any{"revision": 1, "role": "admin"})
	owner.must(http.StatusOK, "PATCH", helper, map[string]any{"revision": 2, "role": "owner"})
}

// proves part of S05
func TestOwnSessions(t *testing.T) {
	w := startServer(t)
	here := w.owner()
	elsewhere := w.login("owner@acme.test")
	w.member("", "help@acme.test", access.Support)
	others := w.login("help@acme.test").must(http.StatusOK, "GET", "/sessions", nil)["items"].([]any)[0].(map[string]any)["id"].(string)
	list := here.must(http.StatusOK, "GET", "/sessions", nil)["items"].([]any)
	if len(list) != 2 {
		t.Fatalf("listed %v", list)
	}
	for _, one := range list {
		if s := one.(map[string]any); s["current"] == false {
			here.must(http.StatusNoContent, "DELETE", "/sessions/"+s["id"].(string), nil)
		}
	}
	elsewhere.do("GET", "/session", nil).wantProblem(http.StatusUnauthorized, "bad_session")
	here.must(http.StatusOK, "GET", "/session", nil)
	here.do("DELETE", "/sessions/"+others, nil).wantProblem(http.StatusNotFound, "not_found")
	here.do("DELETE", "/sessions/"+strings.Repeat("0", 64), nil).wantProblem(http.StatusNotFound, "not_found")
}
