package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// token creates an API token of the user and returns its secret.
func (p *user) token(scope ...access.Action) string {
	p.w.Helper()
	made := p.Must(http.StatusCreated, "POST", "/tokens", map[string]any{"name": "a program", "scope": scope})
	return made["secret"].(string)
}

func tokenID(secret string) string { return strings.Split(secret, "_")[1] }

// proves part of B08
func TestTokenScope(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	secret := owner.token(access.ReadCatalogue, access.EditCatalogue, access.ReadCatalogue)
	program := w.withToken(secret)
	program.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Modeler"}) // without a CSRF token
	program.Must(http.StatusOK, "GET", "/products", nil)
	program.Do("GET", "/licenses", nil).WantProblem(http.StatusForbidden, "out_of_scope")

	who := program.Must(http.StatusOK, "GET", "/session", nil)
	if scope := who["scope"].([]any); len(scope) != 2 || who["csrf_token"] != "" || who["expires"] != nil {
		t.Errorf("it is %v", who)
	}
	for _, own := range []string{"GET /tokens", "POST /tokens", "DELETE /session", "PUT /session/password"} {
		method, path, _ := strings.Cut(own, " ")
		program.Do(method, path, permissions[own].body).WantProblem(http.StatusForbidden, "out_of_scope")
	}

	list := owner.Must(http.StatusOK, "GET", "/tokens", nil)["items"].([]any)
	if len(list) != 1 {
		t.Fatalf("listed %v", list)
	}
	if listed := list[0].(map[string]any); listed["id"] != tokenID(secret) || listed["secret"] != nil || listed["last_used"] == nil {
		t.Errorf("listed %v", listed)
	}
	if strings.Contains(w.Log.String(), secret) {
		t.Error("the log tells the secret")
	}
}

// proves part of S04
// proves part of B08
func TestInvalidTokens(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	made := owner.Must(http.StatusCreated, "POST", "/tokens", map[string]any{"name": "for a day", "scope": []string{"catalogue.read"},
		"expires": w.Clock.Now().Add(24 * time.Hour)})
	secret := made["secret"].(string)
	program := w.withToken(secret)
	program.Must(http.StatusOK, "GET", "/products", nil)

	w.withToken("").Do("GET", "/products", nil).WantProblem(http.StatusUnauthorized, "not_authenticated")
	for _, bad := range []string{"x", "ol_", secret[:len(secret)-1] + "g", secret + "0", strings.Repeat("0", 64),
		"ol_" + strings.Repeat("0", 24) + "_" + strings.Repeat("0", 64)} {
		w.withToken(bad).Do("GET", "/products", nil).WantProblem(http.StatusUnauthorized, "bad_token")
	}
	for _, header := range []string{"Basic " + secret, secret, "Bearer"} {
		w.anonymous().Send("GET", "/api/v1/products", http.Header{"Authorization": {header}}, nil).WantProblem(http.StatusUnauthorized,
			"bad_token")
	}
	w.Clock.Advance(24*time.Hour - time.Second)
	program.Must(http.StatusOK, "GET", "/products", nil)
	w.Clock.Advance(time.Second)
	program.Do("GET", "/products", nil).WantProblem(http.StatusUnauthorized, "token_expired")
}

// proves part of B08
func TestTokenNeverExceedsItsCreator(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	w.AddMember("", "dev@acme.test", access.Developer)
	developer := w.login("dev@acme.test")
	for _, scope := range []string{"licenses.revoke", "tokens.manage", "self", "whoami", "anyone", "everything", ""} {
		developer.Do("POST", "/tokens", map[string]any{"name": "too much", "scope": []string{"catalogue.read", scope}}).
			WantProblem(http.StatusUnprocessableEntity, "invalid")
	}
	program := w.withToken(developer.token(access.EditCatalogue))
	product := func(name string) map[string]any { return map[string]any{"name": name} }
	program.Must(http.StatusCreated, "POST", "/products", product("One"))

	id := owner.memberID("dev@acme.test")
	owner.Must(http.StatusOK, "POST", "/members/"+id+"/disable", nil)
	program.Do("POST", "/products", product("Two")).WantProblem(http.StatusUnauthorized, "bad_token")
	owner.Must(http.StatusOK, "POST", "/members/"+id+"/enable", nil)
	program.Must(http.StatusCreated, "POST", "/products", product("Two"))
	owner.Must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 3, "role": "support"})
	program.Do("POST", "/products", product("Three")).WantProblem(http.StatusForbidden, "forbidden")
	owner.Must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 4, "role": "admin"})

	list := owner.Must(http.StatusOK, "GET", "/organisation/tokens", nil)["items"].([]any)
	if len(list) != 1 {
		t.Fatalf("listed %v", list)
	}
	id = list[0].(map[string]any)["id"].(string)
	owner.Do("DELETE", "/tokens/"+id, nil).WantProblem(http.StatusNotFound, "not_found") // it is not the owner's own
	owner.Must(http.StatusNoContent, "DELETE", "/organisation/tokens/"+id, nil)
	program.Do("POST", "/products", product("Three")).WantProblem(http.StatusUnauthorized, "bad_token")
	if list := w.login("dev@acme.test").Must(http.StatusOK, "GET", "/tokens", nil)["items"].([]any); len(list) != 0 {
		t.Errorf("listed %v", list)
	}
}

// Creating members, or giving them a way to log in, could be used to gain their rights. A token can do so only within its own scope:
// otherwise one with the scope to manage members would be worth as much as its creator's login.
//
// proves part of B08
func TestTokenCannotGrantMoreThanItHolds(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	w.AddMember("", "dev@acme.test", access.Developer)
	w.AddMember("", "viewer@acme.test", access.Viewer)
	me, developer, viewer := owner.memberID("owner@acme.test"), owner.memberID("dev@acme.test"), owner.memberID("viewer@acme.test")
	viewing := scope(access.Viewer, "")
	narrow := w.withToken(owner.token(append(viewing, access.EditMembers, access.ManageAccess)...))
	wide := w.withToken(owner.token(scope(access.Owner, "")...))
	invitation := func(role string) map[string]any {
		return map[string]any{"email": role + ".new@acme.test", "role": role}
	}
	promotion := func(role string) map[string]any { return map[string]any{"revision": 1, "role": role} }
	set := map[string]any{"revision": 1, "require_mfa": true}

	for _, try := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/invitations", invitation("owner")}, {"POST", "/invitations", invitation("support")},
		{"PATCH", "/members/" + viewer, promotion("admin")},
		{"POST", "/members/" + me + "/password-link", nil}, {"POST", "/members/" + developer + "/password-link", nil},
		{"DELETE", "/members/" + me + "/mfa", nil}, {"DELETE", "/members/" + developer + "/mfa", nil},
		{"PUT", "/organisation/access", set},
	} {
		narrow.Do(try.method, try.path, try.body).WantProblem(http.StatusForbidden, "out_of_scope")
	}
	narrow.Must(http.StatusCreated, "POST", "/invitations", invitation("viewer"))
	narrow.Must(http.StatusOK, "POST", "/members/"+viewer+"/password-link", nil)
	narrow.Must(http.StatusNoContent, "DELETE", "/members/"+viewer+"/mfa", nil)
	narrow.Must(http.StatusOK, "POST", "/members/"+developer+"/disable", nil)
	narrow.Must(http.StatusOK, "GET", "/organisation/access", nil)

	wide.Must(http.StatusCreated, "POST", "/invitations", invitation("owner"))
	wide.Must(http.StatusOK, "POST", "/members/"+developer+"/password-link", nil)
	wide.Must(http.StatusOK, "PUT", "/organisation/access", set)
}

// A token takes precedence over a session, also when it is invalid: otherwise its scope could be evaded by sending a cookie.
func TestTokenTakesPrecedenceOverSession(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	both := w.owner()
	secret := both.token(access.ReadCatalogue)
	both.Bearer = secret
	both.Do("POST", "/products", map[string]any{"name": "Modeler"}).WantProblem(http.StatusForbidden, "out_of_scope")
	both.Bearer = secret[:len(secret)-1]
	both.Do("GET", "/products", nil).WantProblem(http.StatusUnauthorized, "bad_token")
	both.Bearer = ""
	both.Must(http.StatusOK, "GET", "/products", nil)
}

func TestTokenLastUsedIsCoarse(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	program := w.withToken(owner.token(access.ReadCatalogue))
	used := func() any {
		return owner.Must(http.StatusOK, "GET", "/tokens", nil)["items"].([]any)[0].(map[string]any)["last_used"]
	}
	if used() != nil {
		t.Errorf("used %v before its first use", used())
	}
	program.Must(http.StatusOK, "GET", "/products", nil)
	first := used()
	w.Clock.Advance(time.Hour - time.Second)
	program.Must(http.StatusOK, "GET", "/products", nil)
	if used() != first {
		t.Errorf("written again: %v, %v", first, used())
	}
	w.Clock.Advance(time.Second)
	program.Must(http.StatusOK, "GET", "/products", nil)
	if used() == first {
		t.Errorf("still %v", first)
	}
}
