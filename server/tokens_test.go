package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// token makes an API token of the person's and gives its secret.
func (p *user) token(scope ...access.Action) string {
	p.w.Helper()
	made := p.must(http.StatusCreated, "POST", "/tokens", map[string]any{"name": "a program", "scope": scope})
	return made["secret"].(string)
}

// withToken speaks with an API token, and has no browser.
func (w *testServer) withToken(secret string) *user {
	p := w.anonymous()
	p.bearer = secret
	return p
}

func tokenID(secret string) string { return strings.Split(secret, "_")[1] }

// proves part of B08
func TestTokenScope(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	secret := owner.token(access.ReadCatalogue, access.EditCatalogue, access.ReadCatalogue)
	program := w.withToken(secret)
	program.must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Modeler"}) // without a CSRF token
	program.must(http.StatusOK, "GET", "/products", nil)
	program.do("GET", "/versions/"+strings.Repeat("f", 24)+"/licenses", nil).wantProblem(http.StatusForbidden, "out_of_scope")

	who := program.must(http.StatusOK, "GET", "/session", nil)
	if scope := who["scope"].([]any); len(scope) != 2 || who["csrf_token"] != "" || who["expires"] != nil {
		t.Errorf("it is %v", who)
	}
	for _, own := range []string{"GET /tokens", "POST /tokens", "DELETE /session", "PUT /session/password"} {
		method, path, _ := strings.Cut(own, " ")
		program.do(method, path, permissions[own].body).wantProblem(http.StatusForbidden, "out_of_scope")
	}

	list := owner.must(http.StatusOK, "GET", "/tokens", nil)["items"].([]any)
	if len(list) != 1 {
		t.Fatalf("listed %v", list)
	}
	if listed := list[0].(map[string]any); listed["id"] != tokenID(secret) || listed["secret"] != nil || listed["used"] == nil {
		t.Errorf("listed %v", listed)
	}
	if strings.Contains(w.log.String(), secret) {
		t.Error("the log tells the secret")
	}
}

// proves part of S04
// proves part of B08
func TestInvalidTokens(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	made := owner.must(http.StatusCreated, "POST", "/tokens", map[string]any{"name": "for a day", "scope": []string{"catalogue.read"},
		"expires": w.clock.now().Add(24 * time.Hour)})
	secret := made["secret"].(string)
	program := w.withToken(secret)
	program.must(http.StatusOK, "GET", "/products", nil)

	w.withToken("").do("GET", "/products", nil).wantProblem(http.StatusUnauthorized, "not_authenticated")
	for _, bad := range []string{"x", "ol_", secret[:len(secret)-1] + "g", secret + "0", strings.Repeat("0", 64), "ol_" + strings.Repeat("0", 24) + "_" + strings.Repeat("0", 64)} {
		w.withToken(bad).do("GET", "/products", nil).wantProblem(http.StatusUnauthorized, "bad_token")
	}
	for _, header := range []string{"Basic " + secret, secret, "Bearer"} {
		w.anonymous().send("GET", "/api/v1/products", http.Header{"Authorization": {header}}, nil).wantProblem(http.StatusUnauthorized, "bad_token")
	}
	w.clock.advance(24*time.Hour - time.Second)
	program.must(http.StatusOK, "GET", "/products", nil)
	w.clock.advance(time.Second)
	program.do("GET", "/products", nil).wantProblem(http.StatusUnauthorized, "token_expired")
}

// proves part of B08
func TestTokenNeverExceedsItsCreator(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	w.member("", "dev@acme.test", access.Developer)
	developer := w.login("dev@acme.test")
	for _, scope := range []string{"licenses.end", "tokens.manage", "self", "whoami", "anyone", "everything", ""} {
		developer.do("POST", "/tokens", map[string]any{"name": "too much", "scope": []string{"catalogue.read", scope}}).
			wantProblem(http.StatusUnprocessableEntity, "invalid")
	}
	program := w.withToken(developer.token(access.EditCatalogue))
	product := func(name string) map[string]any { return map[string]any{"name": name} }
	program.must(http.StatusCreated, "POST", "/products", product("One"))

	id := owner.memberID("dev@acme.test")
	owner.must(http.StatusOK, "POST", "/members/"+id+"/disable", nil)
	program.do("POST", "/products", product("Two")).wantProblem(http.StatusUnauthorized, "bad_token")
	owner.must(http.StatusOK, "POST", "/members/"+id+"/enable", nil)
	program.must(http.StatusCreated, "POST", "/products", product("Two"))
	owner.must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 3, "role": "support"})
	program.do("POST", "/products", product("Three")).wantProblem(http.StatusForbidden, "forbidden")
	owner.must(http.StatusOK, "PATCH", "/members/"+id, map[string]any{"revision": 4, "role": "admin"})

	list := owner.must(http.StatusOK, "GET", "/organisation/tokens", nil)["items"].([]any)
	if len(list) != 1 {
		t.Fatalf("listed %v", list)
	}
	id = list[0].(map[string]any)["id"].(string)
	owner.do("DELETE", "/tokens/"+id, nil).wantProblem(http.StatusNotFound, "not_found") // it is not the owner's own
	owner.must(http.StatusNoContent, "DELETE", "/organisation/tokens/"+id, nil)
	program.do("POST", "/products", product("Three")).wantProblem(http.StatusUnauthorized, "bad_token")
	if list := w.login("dev@acme.test").must(http.StatusOK, "GET", "/tokens", nil)["items"].([]any); len(list) != 0 {
		t.Errorf("listed %v", list)
	}
}

// Whoever may make people, or give them a way in, could give themselves all that those may. A token does so only as far as its scope goes:
// else one for colleagues' names would be worth as much as its maker's login.
//
// proves part of B08
func TestTokenCannotGrantMoreThanItHolds(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	w.member("", "dev@acme.test", access.Developer)
	w.member("", "viewer@acme.test", access.Viewer)
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
		{"POST", "/members/" + me + "/password", nil}, {"POST", "/members/" + developer + "/password", nil},
		{"DELETE", "/members/" + me + "/mfa", nil}, {"DELETE", "/members/" + developer + "/mfa", nil},
		{"PUT", "/organisation/access", set},
	} {
		narrow.do(try.method, try.path, try.body).wantProblem(http.StatusForbidden, "out_of_scope")
	}
	narrow.must(http.StatusCreated, "POST", "/invitations", invitation("viewer"))
	narrow.must(http.StatusOK, "POST", "/members/"+viewer+"/password", nil)
	narrow.must(http.StatusNoContent, "DELETE", "/members/"+viewer+"/mfa", nil)
	narrow.must(http.StatusOK, "POST", "/members/"+developer+"/disable", nil)
	narrow.must(http.StatusOK, "GET", "/organisation/access", nil)

	wide.must(http.StatusCreated, "POST", "/invitations", invitation("owner"))
	wide.must(http.StatusOK, "POST", "/members/"+developer+"/password", nil)
	wide.must(http.StatusOK, "PUT", "/organisation/access", set)
}

// A token that is shown wins over a session, also when it is bad: else its scope could be left out by leaving a cookie.
func TestTokenTakesPrecedenceOverSession(t *testing.T) {
	w := startServer(t)
	both := w.owner()
	secret := both.token(access.ReadCatalogue)
	both.bearer = secret
	both.do("POST", "/products", map[string]any{"name": "Modeler"}).wantProblem(http.StatusForbidden, "out_of_scope")
	both.bearer = secret[:len(secret)-1]
	both.do("GET", "/products", nil).wantProblem(http.StatusUnauthorized, "bad_token")
	both.bearer = ""
	both.must(http.StatusOK, "GET", "/products", nil)
}

func TestTokenLastUsedIsCoarse(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	program := w.withToken(owner.token(access.ReadCatalogue))
	used := func() any {
		return owner.must(http.StatusOK, "GET", "/tokens", nil)["items"].([]any)[0].(map[string]any)["used"]
	}
	if used() != nil {
		t.Errorf("used %v before its first use", used())
	}
	program.must(http.StatusOK, "GET", "/products", nil)
	first := used()
	w.clock.advance(time.Hour - time.Second)
	program.must(http.StatusOK, "GET", "/products", nil)
	if used() != first {
		t.Errorf("written again: %v, %v", first, used())
	}
	w.clock.advance(time.Second)
	program.must(http.StatusOK, "GET", "/products", nil)
	if used() == first {
		t.Errorf("still %v", first)
	}
}
