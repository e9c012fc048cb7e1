package api_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/servertest"
)

// mutatingRoutes records the routes that change something and have succeeded in a test; for each success, checkAudited has found its audit
// entry.
var mutatingRoutes = struct {
	sync.Mutex
	routes map[string]bool
	all    map[string]bool
}{routes: map[string]bool{}, all: map[string]bool{}}

// checkAudited requires that every successful change has an audit entry. It is called for every request of every test.
func (w *testServer) checkAudited(method, path string, r reply) {
	w.Helper()
	path, _, _ = strings.Cut(path, "?")
	mutatingRoutes.Lock()
	defer mutatingRoutes.Unlock()
	for _, route := range w.Routes() {
		if !route.Mutates {
			continue
		}
		name := route.Method + " " + route.Path
		mutatingRoutes.all[name] = true
		replayed := r.Header.Get("Idempotency-Replayed") != "" // nothing was done
		if method != route.Method || r.Status >= 300 || replayed || !routeRegexp(route.Path).MatchString(path) {
			continue
		}
		mutatingRoutes.routes[name] = true
		if route.Action != access.ActionAnyone &&
			!regexp.MustCompile(`msg=audit .*request=`+r.Header.Get("X-Request-ID")).MatchString(w.Log.Tail(1<<16)) {
			w.Errorf("%s: %d, and no line in the audit log", name, r.Status)
		}
	}
}

func routeRegexp(route string) *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(route, "[^/]+") + "$")
}

// TestMain checks at the end that every route that changes something has succeeded in some test, when all tests have run and passed.
func TestMain(m *testing.M) {
	code := m.Run()
	if flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" || len(mutatingRoutes.all) == 0 {
		os.Exit(code)
	}
	for route := range mutatingRoutes.all {
		if !mutatingRoutes.routes[route] && code == 0 {
			fmt.Printf("FAIL: no test has %s succeed, so nothing shows that it writes a line in the audit log (or mark it harmless)\n", route)
			defer os.Exit(1)
		}
	}
	os.Exit(code)
}

// auditLines returns the audit entries of the user's organisation, oldest first.
func (p *user) auditLines(query string) (lines []audit.Line) {
	p.w.Helper()
	var list struct{ Items []audit.Line }
	r := p.Do("GET", "/audit?limit=200&"+query, nil)
	r.Decode(&list)
	for i := range list.Items {
		lines = append(lines, list.Items[len(list.Items)-1-i])
	}
	return lines
}

// proves part of B07
func TestAuditRecordsActorAndChange(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	me := p.Must(http.StatusOK, "GET", "/session", nil)["member"].(map[string]any)
	product, version, license := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	p.Must(http.StatusOK, "PATCH", "/versions/"+version, map[string]any{"revision": 1, "policy": map[string]any{"type": "perpetual",
		"activation_limit": 10, "grace_ms": 90000}})
	p.Do("PATCH", "/versions/"+version, map[string]any{"revision": 1, "name": "Late"}).WantProblem(http.StatusConflict, "edit_conflict")
	r := p.Do("POST", "/licenses/"+license+"/suspend", nil)
	p.Must(http.StatusNoContent, "DELETE", "/licenses/"+license, nil)
	lines := p.auditLines("")
	want := []struct{ action, record, changed string }{
		{"setUp", "", ""},
		{"createProduct", "products/" + product, "name"},
		{"createVersion", "versions/" + version, "policy"},
		{"createLicense", "licenses/" + license, "customer"},
		{"updateVersion", "versions/" + version, "policy.grace_ms 60000 90000"},
		{"suspendLicense", "licenses/" + license, `status "active" "suspended"`},
		{"deleteLicense", "licenses/" + license, `status "suspended" `},
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %+v", len(lines), lines)
	}
	for i, w := range want {
		l := lines[i]
		member, values, _ := strings.Cut(w.changed, " ")
		c := l.Changed[member]
		if l.Action != w.action || w.record != "" && l.Records[len(l.Records)-1] != w.record || values != "" &&
			string(c.From)+" "+string(c.To) != values ||
			member != "" && c.From == nil && c.To == nil {
			t.Errorf("line %d: %+v, want %v", i, l, w)
		}
		if string(l.Actor.ID) != me["id"] || l.Actor.Name != "Ada Owner" || l.Address != "127.0.0.1" || l.Time.Year() != 2030 {
			t.Errorf("line %d is by %+v from %q at %v", i, l.Actor, l.Address, l.Time)
		}
	}
	if n := len(lines[4].Changed); n != 2 {
		t.Errorf("only the policy's grace and the revision were changed: %v", lines[4].Changed)
	}
	if lines[5].Request != r.Header.Get("X-Request-ID") {
		t.Errorf("the request is %q in the log, and %q in the answer", lines[5].Request, r.Header.Get("X-Request-ID"))
	}
	if got := p.auditLines("record=licenses/" + license); len(got) != 3 {
		t.Errorf("of the license: %+v", got)
	}
	if got := p.auditLines("actor=" + me["id"].(string) +
		"&action=createProduct&from=2030-01-02T03:04:05Z&until=2030-01-02T03:04:06Z"); len(got) != 1 {
		t.Errorf("by all filters: %+v", got)
	}
}

// A bulk request has one entry, which names each record.
//
// proves part of B07
func TestAuditOfBulkOperation(t *testing.T) {
	t.Parallel()
	p := startServer(t).owner()
	_, version, first := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	template := servertest.LicenseBody("Seat {n}")
	var made struct{ Items []struct{ ID string } }
	p.Do("POST", "/versions/"+version+"/licenses/bulk", map[string]any{"count": 3, "template": template}).Decode(&made)
	p.Must(http.StatusOK, "POST", "/bulk/licenses/suspend", map[string]any{"ids": []string{first, strings.Repeat("f", 24), made.Items[1].ID}})
	want := fmt.Sprintf("[versions/%s licenses/%s licenses/%s licenses/%s]", version, made.Items[0].ID, made.Items[1].ID, made.Items[2].ID)
	if lines := p.auditLines("action=createLicenses"); len(lines) != 1 || fmt.Sprint(lines[0].Records) != want {
		t.Errorf("%+v, want %s", lines, want)
	}
	lines := p.auditLines("record=licenses/" + made.Items[1].ID)
	if len(lines) != 2 || fmt.Sprint(lines[1].Records) != fmt.Sprintf("[licenses/%s licenses/%s]", first, made.Items[1].ID) {
		t.Errorf("%+v", lines)
	}
}

// proves part of N10
func TestAuditExportVerifiesAgainstHead(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	for _, chain := range []string{"organisation", "server"} {
		export := p.Do("GET", "/audit/export?chain="+chain, nil)
		var known audit.ChainHead
		p.Do("GET", "/audit/head?chain="+chain, nil).Decode(&known)
		head, err := audit.Verify(bytes.NewReader(export.Body), known)
		if err != nil || head != known || head.Number == 0 || export.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s: %+v, known is %+v: %v\n%s", chain, head, known, err, export.Body)
		}
		if !strings.Contains(w.Log.String(), "hash="+string(head.Hash)) {
			t.Errorf("%s: the head is not in the log", chain)
		}
		rest := p.Do("GET", fmt.Sprintf("/audit/export?chain=%s&after=%d", chain, head.Number), nil)
		if rest.Status != http.StatusOK || len(rest.Body) != 0 {
			t.Errorf("after the end: %d %s", rest.Status, rest.Body)
		}
	}
	rival := w.otherOrganisation()
	rival.Do("GET", "/audit?chain=server", nil).WantProblem(http.StatusForbidden, "forbidden")
	var ours audit.ChainHead
	p.Do("GET", "/audit/head?chain=organisation", nil).Decode(&ours)
	theirs := rival.auditLines("")
	if len(theirs) == 0 {
		t.Error("a rival sees nothing of their own")
	}
	for _, l := range theirs {
		if l.Chain == ours.Chain {
			t.Errorf("a rival sees %+v", l)
		}
	}
}

// Failed logins before the first setup, and the creation of another organisation, are in the server's own chain, which only its founder
// reads.
//
// proves part of N10
func TestServerAuditChainIsReadByFounderOnly(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	w.anonymous().Do("POST", "/session", map[string]string{"email": "nobody@acme.test", "password": "wrong horse battery"}).
		WantProblem(http.StatusUnauthorized, "bad_credentials")
	if err := w.RunJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := w.owner()
	rival := w.otherOrganisation()
	var told []string
	for _, l := range p.auditLines("chain=server") {
		told = append(told, l.Action)
	}
	if got := strings.Join(told, ", "); got != "login, setUp, createOrganisation" {
		t.Errorf("the server's own: %s", got)
	}
	rival.Do("GET", "/audit/export?chain=server", nil).WantProblem(http.StatusForbidden, "forbidden")
	if lines := rival.auditLines(""); len(lines) != 1 || lines[0].Action != "setUp" {
		t.Errorf("the rival's: %+v", lines)
	}
}

// proves part of B07
func TestLoginsAreAudited(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	try := func(email string) {
		w.anonymous().Do("POST", "/session", map[string]string{"email": email, "password": "wrong horse battery"}).
			WantProblem(http.StatusUnauthorized, "bad_credentials")
	}
	try("OWNER@acme.test")
	try("nobody@acme.test")
	if err := w.RunJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.login("owner@acme.test").Must(http.StatusNoContent, "DELETE", "/session", nil)
	var told []string
	for _, l := range p.auditLines("") {
		told = append(told, strings.TrimSpace(l.Actor.Kind+" "+l.Action+" "+l.Refused))
	}
	if got := strings.Join(told, ", "); got != "member setUp, nobody login bad_credentials, member login, member logout" {
		t.Errorf("told %s", got)
	}
	told = nil
	for _, l := range p.auditLines("chain=server") {
		told = append(told, l.Action)
	}
	if got := strings.Join(told, ", "); got != "setUp, login" {
		t.Errorf("the server's own: %s", got)
	}
	export := p.Do("GET", "/audit/export", nil)
	for _, secret := range []string{w.SetupToken, "wrong horse", p.CSRF} {
		if strings.Contains(string(export.Body), secret) {
			t.Errorf("the audit log holds %q", secret)
		}
	}
}

// Users of links have no session; the audit log identifies them by the link.
//
// proves part of B07
func TestLinkUseIsAudited(t *testing.T) {
	t.Parallel()
	w, post := startServerWithMail(t)
	p := w.owner()
	p.Must(http.StatusCreated, "POST", "/invitations", map[string]any{"email": "help@acme.test", "role": "support"})
	helper := w.anonymous()
	helper.Must(http.StatusCreated, "POST", "/accept-invitation",
		map[string]any{"token": w.tokenMailedTo(post, "help@acme.test"), "name": "Helper",
			"password": password})
	helper.Must(http.StatusNoContent, "PUT", "/session/email", map[string]any{"password": password, "email": "new@acme.test"})
	w.anonymous().Must(http.StatusNoContent, "POST", "/email/verify", map[string]any{"token": w.tokenMailedTo(post, "new@acme.test")})
	p.Must(http.StatusOK, "POST", "/members/"+p.memberID("new@acme.test")+"/password-link", nil)
	reset := map[string]any{"token": w.tokenMailedTo(post, "new@acme.test"), "password": "another horse battery"}
	w.anonymous().Must(http.StatusNoContent, "POST", "/password/reset", reset)
	w.anonymous().Do("POST", "/password/reset", reset).WantProblem(http.StatusForbidden, "bad_link")
	if err := w.RunJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"acceptInvitation", "verifyEmail", "resetPassword"} {
		lines := p.auditLines("action=" + action)
		if len(lines) != 1 || lines[0].Actor.Kind != "member" || lines[0].Actor.Name != "Helper" || lines[0].Refused != "" ||
			lines[0].Address != "127.0.0.1" {
			t.Errorf("%s: %+v", action, lines)
		}
	}
	if lines := p.auditLines("chain=server&action=resetPassword"); len(lines) != 1 || lines[0].Actor.Kind != "nobody" ||
		lines[0].Refused != "bad_link" {
		t.Errorf("a link that was used up: %+v", lines)
	}
}

// runJobs writes pending audit entries and waits for mail.
func (w *testServer) runJobs() {
	w.Helper()
	if err := w.RunJobs(w.Context()); err != nil {
		w.Fatal(err)
	}
}
