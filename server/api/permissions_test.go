package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/api"
	"github.com/onelicense/onelicense/server/servertest"
)

// permission lists the roles that may use a route, and a valid body for it.
type permission struct {
	roles string // empty: open to everybody
	body  any
}

// permissions lists the roles of every route by their first letters (o, a, d, s, v), deliberately independent of the code. The bodies are
// valid, so that a refusal can only be one of permission.
var permissions = map[string]permission{
	"POST /setup":           {"", servertest.SetupBody("")},
	"POST /session":         {"", map[string]any{"email": "x@y.test", "password": "z"}},
	"GET /session":          {"oadsv", nil},
	"DELETE /session":       {"oadsv", nil},
	"PUT /session/password": {"oadsv", map[string]any{"current_password": "", "new_password": ""}},
	"GET /organisation":     {"oadsv", nil},

	"POST /tokens":                     {"oadsv", map[string]any{"name": "", "scope": []string{"catalogue.read"}}},
	"GET /tokens":                      {"oadsv", nil},
	"DELETE /tokens/{id}":              {"oadsv", nil},
	"GET /organisation/tokens":         {"oa", nil},
	"DELETE /organisation/tokens/{id}": {"oa", nil},

	"GET /audit":                    {"oa", nil},
	"GET /audit/head":               {"oa", nil},
	"GET /audit/export":             {"oa", nil},
	"GET /sessions":                 {"oadsv", nil},
	"DELETE /sessions/{session}":    {"oadsv", nil},
	"GET /members":                  {"oadsv", nil},
	"GET /members/{id}":             {"oadsv", nil},
	"PATCH /members/{id}":           {"oa", map[string]any{"revision": 1, "name": "Stolen"}},
	"POST /members/{id}/disable":    {"oa", nil},
	"POST /members/{id}/enable":     {"oa", nil},
	"DELETE /members/{id}":          {"oa", nil},
	"DELETE /members/{id}/sessions": {"oa", nil},
	"GET /events":                   {"oadsv", nil},
	"GET /licenses/{id}/events":     {"oadsv", nil},
	"POST /webhooks": {"oa", map[string]any{"url": "https://example.com",
		"events": []string{"license.created"}}},
	"GET /session/notifications":                       {"oadsv", nil},
	"PUT /session/notifications":                       {"oadsv", map[string]any{"events": []string{"license.expired"}}},
	"DELETE /session/notifications":                    {"oadsv", nil},
	"GET /organisation/notifications":                  {"oa", nil},
	"PUT /organisation/notifications":                  {"oa", map[string]any{"events": []string{"license.expired"}}},
	"DELETE /organisation/notifications":               {"oa", nil},
	"GET /webhooks":                                    {"oa", nil},
	"GET /webhooks/{id}":                               {"oa", nil},
	"PATCH /webhooks/{id}":                             {"oa", map[string]any{"revision": 1, "name": "Stolen"}},
	"DELETE /webhooks/{id}":                            {"oa", nil},
	"POST /webhooks/{id}/secret":                       {"oa", nil},
	"POST /webhooks/{id}/test":                         {"oa", nil},
	"GET /webhooks/{id}/deliveries":                    {"oa", nil},
	"GET /webhooks/{id}/deliveries/{delivery}":         {"oa", nil},
	"POST /webhooks/{id}/deliveries/{delivery}/replay": {"oa", nil},

	"POST /products":                {"oad", map[string]any{"name": ""}},
	"GET /products":                 {"oadsv", nil},
	"GET /products/{id}":            {"oadsv", nil},
	"PATCH /products/{id}":          {"oad", map[string]any{"revision": 1, "name": "Stolen"}},
	"POST /products/{id}/archive":   {"oad", nil},
	"POST /products/{id}/unarchive": {"oad", nil},
	"DELETE /products/{id}":         {"oa", nil},

	"GET /products/{id}/keys":                   {"oadsv", nil},
	"POST /products/{id}/keys":                  {"oa", map[string]any{"use": "lease"}},
	"POST /products/{id}/certificate":           {"oa", map[string]any{"certificate": "theirs"}},
	"POST /products/{id}/keys/{key}/promote":    {"oa", nil},
	"POST /products/{id}/keys/{key}/retire":     {"oa", nil},
	"POST /products/{id}/keys/{key}/compromise": {"oa", nil},
	"DELETE /products/{id}/keys/{key}":          {"oa", nil},
	"POST /products/{id}/revocations":           {"oa", map[string]any{}},

	"POST /products/{id}/versions":  {"oad", map[string]any{"name": "Theirs", "policy": map[string]any{"type": "perpetual"}}},
	"GET /products/{id}/versions":   {"oadsv", nil},
	"GET /versions/{id}":            {"oadsv", nil},
	"PATCH /versions/{id}":          {"oad", map[string]any{"revision": 1, "name": "Stolen"}},
	"POST /versions/{id}/archive":   {"oad", nil},
	"POST /versions/{id}/unarchive": {"oad", nil},
	"DELETE /versions/{id}":         {"oa", nil},

	"POST /versions/{id}/licenses":        {"oads", servertest.LicenseBody("Theirs")},
	"POST /versions/{id}/licenses/bulk":   {"oads", map[string]any{"count": 2, "template": servertest.LicenseBody("Theirs")}},
	"POST /versions/{id}/licenses/import": {"oads", "[]"},
	"POST /bulk/licenses/suspend":         {"oads", map[string]any{"ids": []string{strings.Repeat("f", 24)}}},
	"POST /bulk/licenses/reinstate":       {"oads", map[string]any{"ids": []string{strings.Repeat("f", 24)}}},
	"POST /bulk/licenses/delete":          {"oa", map[string]any{"ids": []string{strings.Repeat("f", 24)}}},
	"GET /export/licenses.csv":            {"oadsv", nil},
	"GET /export/licenses.json":           {"oadsv", nil},
	"GET /export":                         {"oa", nil},
	"POST /import":                        {"oa", nil},
	"GET /licenses":                       {"oadsv", nil},
	"GET /licenses/{id}":                  {"oadsv", nil},
	"PATCH /licenses/{id}":                {"oads", map[string]any{"revision": 1, "customer": "Stolen"}},
	"POST /licenses/{id}/suspend":         {"oads", nil},
	"POST /licenses/{id}/reinstate":       {"oads", nil},
	"POST /licenses/{id}/archive":         {"oads", nil},
	"POST /licenses/{id}/unarchive":       {"oads", nil},
	"POST /licenses/{id}/revoke":          {"oa", nil},
	"DELETE /licenses/{id}":               {"oa", nil},
	"POST /licenses/{id}/renew":           {"oads", map[string]any{"key": "theirs", "maintenance_ms": 1}},
	"POST /licenses/{id}/transfer":        {"oads", map[string]any{"customer": "Stolen"}},
	"PUT /licenses/{id}/fingerprint":      {"oads", map[string]any{"parts": []any{}}},
	"GET /licenses/{id}/history":          {"oadsv", nil},
	"GET /licenses/{id}/usage":            {"oadsv", nil},
	"GET /licenses/{id}/usage/periods":    {"oadsv", nil},
	"GET /licenses/{id}/file":             {"oads", nil},
	"GET /licenses/{id}/unsigned-file":    {"oads", nil},
	"POST /licenses/{id}/file":            {"oads", map[string]any{"signature": "theirs"}},

	"GET /licenses/{id}/activations/{activation}/receipt": {"oadsv", nil},

	"POST /customers":        {"oads", map[string]any{"name": "Theirs"}},
	"GET /customers":         {"oadsv", nil},
	"GET /customers/{id}":    {"oadsv", nil},
	"PATCH /customers/{id}":  {"oads", map[string]any{"revision": 1, "name": "Stolen"}},
	"DELETE /customers/{id}": {"oa", nil},

	"GET /licenses/{id}/queue": {"oadsv", nil},
	"GET /licenses/{id}/holds": {"oadsv", nil},
	"POST /licenses/{id}/holds": {"oads", map[string]any{"entitlement": "solid_modeling",
		"part": map[string]any{"name": "user", "value": "ada"}, "until": "2031-01-01T00:00:00Z"}},
	"DELETE /licenses/{id}/holds/{hold}": {"oads", nil},

	"GET /licenses/{id}/activations":                                            {"oadsv", nil},
	"PATCH /licenses/{id}/activations/{activation}":                             {"oads", map[string]any{"name": "Stolen"}},
	"POST /licenses/{id}/activations/{activation}/deactivate":                   {"oas", nil},
	"POST /licenses/{id}/activations/{activation}/clear-evidence":               {"oas", nil},
	"GET /licenses/{id}/reservations":                                           {"oadsv", nil},
	"DELETE /licenses/{id}/activations/{activation}/reservations/{entitlement}": {"oas", nil},
}

// ownOnly reports whether a route is about a user's own logins and tokens: these are never open to API tokens. It is deliberately
// independent of the code.
func ownOnly(route string) bool {
	_, path, _ := strings.Cut(route, " ")
	return (strings.HasPrefix(path, "/session") || strings.HasPrefix(path, "/tokens")) && route != "GET /session"
}

// Every route is requested anonymously, by users and tokens of each role, and by tokens that lack only the required action. Each reply is
// searched for secrets too.
//
// proves S07
// proves part of S02
func TestPermissionsOfEveryRouteAndRole(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	people, programs := map[access.Role]*user{access.Owner: owner}, map[access.Role]*user{}
	for _, role := range access.Roles {
		if role != access.Owner {
			w.AddMember("", string(role)+"@acme.test", role)
			people[role] = w.login(string(role) + "@acme.test")
		}
		programs[role] = w.withToken(people[role].token(scope(role, "")...))
	}
	short := owner.Must(http.StatusCreated, "POST", "/tokens", map[string]any{"name": "short", "scope": scope(access.Owner, ""),
		"expires": w.Clock.Now().Add(time.Hour)})
	w.Clock.Advance(time.Hour)
	nobodies := map[string]*user{
		"not_authenticated": w.anonymous(), "token_expired": w.withToken(short["secret"].(string)),
		"bad_token": w.withToken("ol_" + strings.Repeat("f", 24) + "_" + strings.Repeat("f", 64)),
	}
	lacking := map[access.Action]*user{}

	walked := map[string]bool{}
	for _, route := range logoutLast(w.Routes()) {
		name := route.Method + " " + strings.TrimPrefix(route.Path, "/api/v1")
		right, known := permissions[name]
		if !known {
			t.Errorf("%s has no row here", name)
			continue
		}
		walked[name] = true
		knock := func(p *user) reply {
			return p.Do(route.Method, fillPath(strings.TrimPrefix(route.Path, "/api/v1"), strings.Repeat("f", 24)), right.body)
		}
		letIn := func(who string, r reply) {
			// The records do not exist, or the body leaves something to say: what counts is that the door is open.
			if r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden || r.Status >= http.StatusInternalServerError {
				t.Errorf("%s as %s: %d %s", name, who, r.Status, r.Body)
			}
		}
		if right.roles == "" {
			if p := knock(nobodies["not_authenticated"]).Problem(); p.Code == "not_authenticated" {
				t.Errorf("%s wants a session", name)
			}
			continue
		}
		w.Clock.Advance(time.Minute) // bad tokens are counted by where they come from
		for code, p := range nobodies {
			knock(p).WantProblem(http.StatusUnauthorized, code)
		}
		for _, role := range access.Roles {
			person, program := knock(people[role]), knock(programs[role])
			if !strings.Contains(right.roles, string(role[0])) {
				person.WantProblem(http.StatusForbidden, "forbidden")
				program.WantProblem(http.StatusForbidden, "forbidden")
				continue
			}
			letIn(string(role), person)
			if ownOnly(name) {
				program.WantProblem(http.StatusForbidden, "out_of_scope")
			} else {
				letIn("a program of the "+string(role), program)
			}
		}
		if ownOnly(name) || name == "GET /session" {
			continue // no scope holds these
		}
		if lacking[route.Action] == nil {
			lacking[route.Action] = w.withToken(owner.token(scope(access.Owner, route.Action)...))
		}
		knock(lacking[route.Action]).WantProblem(http.StatusForbidden, "out_of_scope")
	}
	for name := range permissions {
		if !walked[name] {
			t.Errorf("%s is no route", name)
		}
	}
}

// scope returns the widest scope that a token of the role can have, without one action.
func scope(role access.Role, without access.Action) []access.Action {
	return slices.DeleteFunc(access.Scopes(), func(a access.Action) bool { return a == without || !access.May(role, a) })
}

// logoutLast moves the route that ends the session to the end.
func logoutLast(routes []api.Route) []api.Route {
	isLogout := func(r api.Route) bool { return r.Method == http.MethodDelete && r.Path == api.Prefix+"/session" }
	at := slices.IndexFunc(routes, isLogout)
	return append(slices.DeleteFunc(slices.Clone(routes), isLogout), routes[at])
}

// proves S07
func TestTenantIsolation(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, license := p.CreateLicense("perpetual", servertest.LicenseBody("Ours"))
	secret := p.token("catalogue.read")
	hook := p.Must(http.StatusCreated, "POST", "/webhooks", permissions["POST /webhooks"].body)
	customer := p.Must(http.StatusCreated, "POST", "/customers", permissions["POST /customers"].body)
	invitation := p.Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "new@acme.test", "role": "viewer"})
	session := p.Must(http.StatusOK, "GET", "/sessions", nil)["items"].([]any)[0].(map[string]any)
	ids := map[string]string{
		"members": p.memberID("owner@acme.test"), "products": product, "versions": version, "licenses": license, "webhooks": id(hook),
		"customers": id(customer), "invitations": id(invitation), "tokens": tokenID(secret), "organisation": tokenID(secret),
		"sessions": id(session),
	}
	watched := []string{"/invitations", "/organisation/tokens", "/sessions"}
	for _, kind := range []string{"members", "products", "versions", "licenses", "webhooks", "customers"} {
		watched = append(watched, "/"+kind+"/"+ids[kind])
	}
	before := map[string]string{}
	for _, path := range watched {
		r := p.Do("GET", path, nil)
		if r.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, r.Status, r.Body)
		}
		before[path] = string(r.Body)
	}
	rival := w.otherOrganisation()
	for _, route := range w.Routes() {
		path := strings.TrimPrefix(route.Path, "/api/v1")
		if !strings.Contains(path, "{") {
			continue
		}
		id, ok := ids[strings.Split(path, "/")[1]]
		if !ok {
			t.Errorf("%s: there is no record for it here", path)
			continue
		}
		r := rival.Do(route.Method, fillPath(strings.Replace(path, "{session}", id, 1), id), permissions[route.Method+" "+path].body)
		if r.Status != http.StatusNotFound {
			t.Errorf("%s %s: %d %s", route.Method, path, r.Status, r.Body)
			continue
		}
		r.WantProblem(http.StatusNotFound, "not_found")
	}
	for _, path := range watched {
		if after := p.Do("GET", path, nil); string(after.Body) != before[path] {
			t.Errorf("changed by another:\n%s\n%s", before[path], after.Body)
		}
	}
	if r := p.w.withToken(secret).Do("GET", "/products", nil); r.Status != http.StatusOK {
		t.Errorf("a token was revoked by another: %d %s", r.Status, r.Body)
	}
	for _, route := range w.Routes() {
		if route.Method != http.MethodGet || strings.Contains(route.Path, "{") {
			continue
		}
		path := strings.TrimPrefix(route.Path, "/api/v1")
		r := rival.Do("GET", path, nil)
		for kind, id := range ids {
			if strings.Contains(string(r.Body), id) {
				t.Errorf("%s tells another of the %s: %s", path, kind, r.Body)
			}
		}
	}
}

// fillPath replaces the parameters of a path by an id, an activation that does not exist and a name.
func fillPath(path, id string) string {
	return strings.NewReplacer("{id}", id, "{session}", strings.Repeat("d", 64), "{activation}", strings.Repeat("e", 64),
		"{entitlement}", "rendering", "{hold}", strings.Repeat("d", 24), "{key}", strings.Repeat("A", 40), "{delivery}",
		strings.Repeat("f", 24)+".evt_"+strings.Repeat("f", 32)).Replace(path)
}
