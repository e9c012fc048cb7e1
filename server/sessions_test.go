package server

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// proves S01
func TestHealth(t *testing.T) {
	w := startServer(t)
	p := w.anonymous()
	for _, path := range []string{"/livez", "/readyz"} {
		if r := p.send("GET", path, nil, nil); r.status != http.StatusOK {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	w.storeRemoved = true
	if err := w.s.data.Store.Close(); err != nil {
		t.Fatal(err)
	}
	p.send("GET", "/readyz", nil, nil).wantProblem(http.StatusServiceUnavailable, "unavailable")
	if r := p.send("GET", "/livez", nil, nil); r.status != http.StatusOK {
		t.Errorf("the process lives without its store, but /livez says %d", r.status)
	}
}

// proves part of S02
func TestFirstOwnerRequiresSetupToken(t *testing.T) {
	w := startServer(t)
	p := w.anonymous()
	p.do("POST", "/setup", setupBody(strings.Repeat("0", 64))).wantProblem(http.StatusForbidden, "bad_setup_token")
	p.do("POST", "/session", map[string]string{"email": "admin", "password": "admin"}).wantProblem(http.StatusUnauthorized, "bad_credentials")
	page := p.send("GET", "/setup?token="+w.s.setupToken, nil, nil)
	if !strings.Contains(string(page.body), "curl") || !strings.Contains(string(page.body), w.s.setupToken) {
		t.Errorf("the setup page does not say how: %s", page.body)
	}
	if page := p.send("GET", "/setup?token=';rm%20-r%20~;'", nil, nil); strings.Contains(string(page.body), "rm -r") {
		t.Errorf("the setup page repeats what it was given: %s", page.body)
	}
	short := setupBody(w.s.setupToken)
	short["password"] = "short"
	if got := p.do("POST", "/setup", short).wantProblem(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != "password" {
		t.Errorf("field %q", got.Errors[0].Field)
	}
	made := p.must(http.StatusCreated, "POST", "/setup", setupBody(w.s.setupToken))
	if member := made["member"].(map[string]any); member["role"] != "owner" || member["email"] != "owner@acme.test" {
		t.Errorf("made %v", member)
	}
	w.anonymous().do("POST", "/setup", setupBody(w.s.setupToken)).wantProblem(http.StatusForbidden, "bad_setup_token")
	if log := w.log.String(); strings.Contains(log, w.s.setupToken) || strings.Contains(log, password) || strings.Contains(log, "argon2") {
		t.Errorf("the log tells secrets:\n%s", log)
	}
}

// proves part of S02
func TestSetupTokenExpires(t *testing.T) {
	w := startServer(t)
	w.clock.advance(access.SetupLifetime)
	w.anonymous().do("POST", "/setup", setupBody(w.s.setupToken)).wantProblem(http.StatusForbidden, "bad_setup_token")
}

// proves S03
func TestLogin(t *testing.T) {
	w := startServer(t)
	w.owner()
	p := w.anonymous()
	wrongPassword := p.do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": "wrong horse battery"})
	wrongEmail := p.do("POST", "/session", map[string]string{"email": "nobody@acme.test", "password": password})
	wrongPassword.wantProblem(http.StatusUnauthorized, "bad_credentials")
	wrongEmail.wantProblem(http.StatusUnauthorized, "bad_credentials")
	if string(wrongPassword.body) != string(wrongEmail.body) {
		t.Errorf("the answers tell which was wrong:\n%s\n%s", wrongPassword.body, wrongEmail.body)
	}
	r := p.do("POST", "/session", map[string]string{"email": " OWNER@acme.test", "password": password})
	if r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	cookie := r.header.Get("Set-Cookie")
	for _, want := range []string{"onelicense_session=", "HttpOnly", "SameSite=Lax", "Max-Age=" + strconv.Itoa(12*3600), "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %q", cookie, want)
		}
	}
	if strings.Contains(cookie, "Secure") {
		t.Errorf("without TLS a Secure cookie would never come back: %q", cookie)
	}
	p.must(http.StatusOK, "GET", "/session", nil)
	p.must(http.StatusNoContent, "DELETE", "/session", nil)
	p.do("GET", "/session", nil).wantProblem(http.StatusUnauthorized, "not_authenticated")
}

func TestCookieIsSecureBehindTLS(t *testing.T) {
	w := startServerWith(t, Config{Data: t.TempDir(), PublicURL: "https://licenses.example.com/"})
	if link := w.s.SetupURL(&net.TCPAddr{}); !strings.HasPrefix(link, "https://licenses.example.com/setup?token=") {
		t.Errorf("link %q", link)
	}
	r := w.anonymous().do("POST", "/setup", setupBody(w.s.setupToken))
	cookie := r.header.Get("Set-Cookie")
	if !strings.Contains(cookie, "Secure") || !strings.HasPrefix(cookie, "__Host-onelicense_session=") || !strings.Contains(cookie, "Path=/;") || strings.Contains(cookie, "Domain") {
		t.Errorf("cookie %q", cookie)
	}
	// A neighbour of the same domain can set a cookie for it, but none with this name.
	own, _, _ := strings.Cut(cookie, ";")
	with := func(cookie string) reply {
		return w.anonymous().send("GET", "/api/v1/session", http.Header{"Cookie": {cookie}}, nil)
	}
	if r := with(own); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	with(strings.TrimPrefix(own, "__Host-")).wantProblem(http.StatusUnauthorized, "not_authenticated")
}

// proves S04
func TestInvalidSessions(t *testing.T) {
	w := startServer(t)
	p := w.owner()
	w.anonymous().do("GET", "/products", nil).wantProblem(http.StatusUnauthorized, "not_authenticated")
	bad := http.Header{"Cookie": {"onelicense_session=" + strings.Repeat("0", 64)}}
	w.anonymous().send("GET", "/api/v1/products", bad, nil).wantProblem(http.StatusUnauthorized, "bad_session")
	w.clock.advance(access.SessionLifetime - time.Second)
	p.must(http.StatusOK, "GET", "/products", nil)
	w.clock.advance(time.Second)
	p.do("GET", "/products", nil).wantProblem(http.StatusUnauthorized, "session_expired")
}

// proves part of S05
func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	w := startServer(t)
	here := w.owner()
	elsewhere := w.login("owner@acme.test")
	wrong := here.do("PUT", "/session/password", map[string]string{"old": "not this one, no", "new": "another horse battery"})
	if p := wrong.wantProblem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Field != "old" {
		t.Errorf("field %q", p.Errors[0].Field)
	}
	elsewhere.must(http.StatusOK, "GET", "/session", nil)
	here.must(http.StatusNoContent, "PUT", "/session/password", map[string]string{"old": password, "new": "another horse battery"})
	here.must(http.StatusOK, "GET", "/session", nil)
	elsewhere.do("GET", "/session", nil).wantProblem(http.StatusUnauthorized, "bad_session")
	w.anonymous().do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": password}).
		wantProblem(http.StatusUnauthorized, "bad_credentials")
	w.anonymous().must(http.StatusCreated, "POST", "/session", map[string]string{"email": "owner@acme.test", "password": "another horse battery"})
}

// proves part of S05
func TestDisabledMemberIsRefused(t *testing.T) {
	w := startServer(t)
	owner := w.owner()
	w.member("", "help@acme.test", access.Support)
	p := w.login("help@acme.test")
	owner.must(http.StatusOK, "POST", "/members/"+owner.memberID("help@acme.test")+"/disable", nil)
	p.do("GET", "/session", nil).wantProblem(http.StatusUnauthorized, "bad_session")
	p.do("POST", "/session", map[string]string{"email": "help@acme.test", "password": password}).
		wantProblem(http.StatusUnauthorized, "bad_credentials")
}

func TestCSRFTokenRequired(t *testing.T) {
	w := startServer(t)
	p, other := w.owner(), w.login("owner@acme.test")
	product := map[string]string{"name": "Modeler"}
	mine := p.csrf
	for _, token := range []string{"", strings.Repeat("0", 64), other.csrf} {
		p.csrf = token
		p.do("POST", "/products", product).wantProblem(http.StatusForbidden, "bad_csrf")
		p.do("DELETE", "/session", nil).wantProblem(http.StatusForbidden, "bad_csrf")
	}
	p.csrf = mine
	p.must(http.StatusCreated, "POST", "/products", product)
}

// Another site can make a browser send a form or plain text without asking us, also to log its visitor in as somebody else.
func TestCrossSiteForms(t *testing.T) {
	w := startServer(t)
	w.owner()
	body := []byte(`{"email":"owner@acme.test","password":"` + password + `"}`)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
		header := http.Header{}
		if kind != "" {
			header.Set("Content-Type", kind)
		}
		r := w.anonymous().send("POST", "/api/v1/session", header, body)
		r.wantProblem(http.StatusUnsupportedMediaType, "media_type")
		if r.header.Get("Set-Cookie") != "" {
			t.Errorf("%q logs in", kind)
		}
	}
}

func TestLoginRateLimit(t *testing.T) {
	w := startServer(t)
	w.owner()
	w.member("", "help@acme.test", access.Support)
	p := w.anonymous()
	for range 10 {
		p.do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": "wrong"}).wantProblem(http.StatusUnauthorized, "bad_credentials")
	}
	right := map[string]string{"email": "owner@acme.test", "password": password}
	r := p.do("POST", "/session", right)
	r.wantProblem(http.StatusTooManyRequests, "rate_limited")
	if got := r.header.Get("Retry-After"); got != "900" {
		t.Errorf("Retry-After %q", got)
	}
	w.login("help@acme.test") // the others are not locked out
	w.clock.advance(15 * time.Minute)
	p.must(http.StatusCreated, "POST", "/session", right)
}
