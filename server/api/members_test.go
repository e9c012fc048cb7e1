package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/access"
)

// memberID returns the id of the member with an address.
func (p *user) memberID(email string) string {
	p.w.Helper()
	for _, one := range p.Must(http.StatusOK, "GET", "/members?search="+email, nil)["items"].([]any) {
		if m := one.(map[string]any); m["email"] == email {
			return m["id"].(string)
		}
	}
	p.w.Fatalf("nobody has the address %s", email)
	return ""
}

// proves S05
func TestMembersCRUD(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	w.AddMember("", "help@acme.test", access.Support)
	helper := w.login("help@acme.test")

	list := owner.Must(http.StatusOK, "GET", "/members", nil)["items"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["email"] != "help@acme.test" {
		t.Errorf("listed %v", list)
	}
	id := owner.memberID("help@acme.test")
	path := "/members/" + id
	edited := owner.Must(http.StatusOK, "PATCH", path, map[string]any{"revision": 1, "name": "Hélène", "role": "developer"})
	if edited["name"] != "Hélène" || edited["role"] != "developer" || edited["revision"] != 2.0 {
		t.Errorf("edited %v", edited)
	}
	owner.Do("PATCH", path, map[string]any{"revision": 1, "name": "Helen"}).WantProblem(http.StatusConflict, "edit_conflict")
	for field, body := range map[string]map[string]any{
		"name": {"revision": 2, "name": "two\nlines"}, "role": {"revision": 2, "role": "king"}, "revision": {"revision": 0, "name": "Helen"},
		"email": {"revision": 2, "email": "other@acme.test"},
	} {
		if p := owner.Do("PATCH", path, body).WantProblem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Field != field {
			t.Errorf("field %q, want %q", p.Errors[0].Field, field)
		}
	}
	helper.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Modeler"}) // with the new role, at once

	owner.Must(http.StatusNoContent, "DELETE", path+"/sessions", nil)
	helper.Do("GET", "/session", nil).WantProblem(http.StatusUnauthorized, "bad_session")
	helper = w.login("help@acme.test")
	secret := helper.token(access.ReadCatalogue)
	owner.Must(http.StatusNoContent, "DELETE", path, nil)
	helper.Do("GET", "/session", nil).WantProblem(http.StatusUnauthorized, "bad_session")
	w.withToken(secret).Do("GET", "/products", nil).WantProblem(http.StatusUnauthorized, "bad_token")
	owner.Do("GET", path, nil).WantProblem(http.StatusNotFound, "not_found")
	w.anonymous().Do("POST", "/session", map[string]string{"email": "help@acme.test", "password": password}).
		WantProblem(http.StatusUnauthorized, "bad_credentials")
	if left := owner.Must(http.StatusOK, "GET", "/organisation/tokens", nil)["items"].([]any); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// proves part of S05
func TestLastOwnerCannotBeRemoved(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	path := "/members/" + owner.memberID("owner@acme.test")
	last := func() {
		t.Helper()
		owner.Do("PATCH", path, map[string]any{"revision": 1, "role": "admin"}).WantProblem(http.StatusConflict, "last_owner")
		owner.Do("POST", path+"/disable", nil).WantProblem(http.StatusConflict, "last_owner")
		owner.Do("DELETE", path, nil).WantProblem(http.StatusConflict, "last_owner")
	}
	last()
	w.AddMember("", "second@acme.test", access.Owner)
	owner.Must(http.StatusOK, "POST", "/members/"+owner.memberID("second@acme.test")+"/disable", nil)
	last() // whoever is shut out does not count
	owner.Must(http.StatusOK, "POST", "/members/"+owner.memberID("second@acme.test")+"/enable", nil)
	owner.Must(http.StatusOK, "PATCH", path, map[string]any{"revision": 1, "role": "admin"})
}

// proves part of S07
func TestOnlyOwnersAssignOwnerRole(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	w.AddMember("", "admin@acme.test", access.Admin)
	w.AddMember("", "help@acme.test", access.Support)
	admin := w.login("admin@acme.test")
	first, helper := "/members/"+owner.memberID("owner@acme.test"), "/members/"+owner.memberID("help@acme.test")
	w.AddMember("", "second@acme.test", access.Owner) // so that it is not for being the last
	admin.Do("PATCH", first, map[string]any{"revision": 1, "role": "viewer"}).WantProblem(http.StatusForbidden, "forbidden")
	admin.Do("POST", first+"/disable", nil).WantProblem(http.StatusForbidden, "forbidden")
	admin.Do("DELETE", first, nil).WantProblem(http.StatusForbidden, "forbidden")
	admin.Do("DELETE", first+"/sessions", nil).WantProblem(http.StatusForbidden, "forbidden")
	for _, path := range []string{helper, "/members/" + owner.memberID("admin@acme.test")} {
		admin.Do("PATCH", path, map[string]any{"revision": 1, "role": "owner"}).WantProblem(http.StatusForbidden, "forbidden")
	}
	admin.Must(http.StatusOK, "PATCH", helper, map[string]any{"revision": 1, "role": "admin"})
	owner.Must(http.StatusOK, "PATCH", helper, map[string]any{"revision": 2, "role": "owner"})
}

// proves part of S05
func TestOwnSessions(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	here := w.owner()
	elsewhere := w.login("owner@acme.test")
	w.AddMember("", "help@acme.test", access.Support)
	others := w.login("help@acme.test").Must(http.StatusOK, "GET", "/sessions", nil)["items"].([]any)[0].(map[string]any)["id"].(string)
	list := here.Must(http.StatusOK, "GET", "/sessions", nil)["items"].([]any)
	if len(list) != 2 {
		t.Fatalf("listed %v", list)
	}
	for _, one := range list {
		if s := one.(map[string]any); s["current"] == false {
			here.Must(http.StatusNoContent, "DELETE", "/sessions/"+s["id"].(string), nil)
		}
	}
	elsewhere.Do("GET", "/session", nil).WantProblem(http.StatusUnauthorized, "bad_session")
	here.Must(http.StatusOK, "GET", "/session", nil)
	here.Do("DELETE", "/sessions/"+others, nil).WantProblem(http.StatusNotFound, "not_found")
	here.Do("DELETE", "/sessions/"+strings.Repeat("0", 64), nil).WantProblem(http.StatusNotFound, "not_found")
}
