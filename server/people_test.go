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
	w := begin(t)
	p := w.stranger()
	for _, path := range []string{"/livez", "/readyz"} {
		if r := p.send("GET", path, nil, nil); r.status != http.StatusOK {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	w.gone = true
	if err := w.s.store.Close(); err != nil {
		t.Fatal(err)
	}
	p.send("GET", "/readyz", nil, nil).refused(http.StatusServiceUnavailable, "unavailable")
	if r := p.send("GET", "/livez", nil, nil); r.status != http.StatusOK {
		t.Errorf("the process lives without its store, but /livez says %d", r.status)
	}
}

// proves part of S02
func TestFirstOwnerBySetupTokenOnly(t *testing.T) {
	w := begin(t)
	p := w.stranger()
	p.do("POST", "/setup", founding(strings.Repeat("0", 64))).refused(http.StatusForbidden, "bad_setup_token")
	p.do("POST", "/session", map[string]string{"email": "admin", "password": "admin"}).refused(http.StatusUnauthorized, "bad_credentials")
	page := p.send("GET", "/setup?token="+w.s.setupToken, nil, nil)
	if !strings.Contains(string(page.body), "curl") || !strings.Contains(string(page.body), w.s.setupToken) {
		t.Errorf("the setup page does not say how: %s", page.body)
	}
	if page := p.send("GET", "/setup?token=';rm%20-r%20~;'", nil, nil); strings.Contains(string(page.body), "rm -r") {
		t.Errorf("the setup page repeats what it was given: %s", page.body)
	}
	short := founding(w.s.setupToken)
	short["password"] = "short"
	if got := p.do("POST", "/setup", short).refused(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != "password" {
		t.Errorf("field %q", got.Errors[0].Field)
	}
	made := p.must(http.StatusCreated, "POST", "/setup", founding(w.s.setupToken))
	if member := made["member"].(map[string]any); member["role"] != "owner" || member["email"] != "owner@acme.test" {
		t.Errorf("made %v", member)
	}
	w.stranger().do("POST", "/setup", founding(w.s.setupToken)).refused(http.StatusForbidden, "bad_setup_token")
	if log := w.log.String(); strings.Contains(log, w.s.setupToken) || strings.Contains(log, password) || strings.Contains(log, "argon2") {
		t.Errorf("the log tells secrets:\n%s", log)
	}
}

// proves part of S02
func TestSetupTokenExpires(t *testing.T) {
	w := begin(t)
	w.clock.pass(access.SetupLife)
	w.stranger().do("POST", "/setup", founding(w.s.setupToken)).refused(http.StatusForbidden, "bad_setup_token")
}

// proves S03
func TestLogin(t *testing.T) {
	w := begin(t)
	w.owner()
	p := w.stranger()
	wrongPassword := p.do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": "wrong horse battery"})
	wrongEmail := p.do("POST", "/session", map[string]string{"email": "nobody@acme.test", "password": password})
	wrongPassword.refused(http.StatusUnauthorized, "bad_credentials")
	wrongEmail.refused(http.StatusUnauthorized, "bad_credentials")
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
	p.do("GET", "/session", nil).refused(http.StatusUnauthorized, "not_authenticated")
}

func TestCookieIsSecureBehindTLS(t *testing.T) {
	w := beginWith(t, Config{Data: t.TempDir(), PublicURL: "https://licenses.example.com/"})
	if link := w.s.SetupURL(&net.TCPAddr{}); !strings.HasPrefix(link, "https://licenses.example.com/setup?token=") {
		t.Errorf("link %q", link)
	}
	r := w.stranger().do("POST", "/setup", founding(w.s.setupToken))
	cookie := r.header.Get("Set-Cookie")
	if !strings.Contains(cookie, "Secure") || !strings.HasPrefix(cookie, "__Host-onelicense_session=") || !strings.Contains(cookie, "Path=/;") || strings.Contains(cookie, "Domain") {
		t.Errorf("cookie %q", cookie)
	}
	// A neighbour of the same domain can set a cookie for it, but none with this name.
	own, _, _ := strings.Cut(cookie, ";")
	with := func(cookie string) reply {
		return w.stranger().send("GET", "/api/v1/session", http.Header{"Cookie": {cookie}}, nil)
	}
	if r := with(own); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	with(strings.TrimPrefix(own, "__Host-")).refused(http.StatusUnauthorized, "not_authenticated")
}

// proves S04
func TestThreeWaysToBeNobody(t *testing.T) {
	w := begin(t)
	p := w.owner()
	w.stranger().do("GET", "/products", nil).refused(http.StatusUnauthorized, "not_authenticated")
	bad := http.Header{"Cookie": {"onelicense_session=" + strings.Repeat("0", 64)}}
	w.stranger().send("GET", "/api/v1/products", bad, nil).refused(http.StatusUnauthorized, "bad_session")
	w.clock.pass(access.SessionLife - time.Second)
	p.must(http.StatusOK, "GET", "/products", nil)
	w.clock.pass(time.Second)
	p.do("GET", "/products", nil).refused(http.StatusUnauthorized, "session_expired")
}

// proves part of S05
func TestNewPasswordEndsOtherSessions(t *testing.T) {
	w := begin(t)
	here := w.owner()
	elsewhere := w.login("owner@acme.test")
	wrong := here.do("PUT", "/session/password", map[string]string{"old": "not this one, no", "new": "another horse battery"})
	if p := wrong.refused(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Field != "old" {
		t.Errorf("field %q", p.Errors[0].Field)
	}
	elsewhere.must(http.StatusOK, "GET", "/session", nil)
	here.must(http.StatusNoContent, "PUT", "/session/password", map[string]string{"old": password, "new": "another horse battery"})
	here.must(http.StatusOK, "GET", "/session", nil)
	elsewhere.do("GET", "/session", nil).refused(http.StatusUnauthorized, "bad_session")
	w.stranger().do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": password}).
		refused(http.StatusUnauthorized, "bad_credentials")
	w.stranger().must(http.StatusCreated, "POST", "/session", map[string]string{"email": "owner@acme.test", "password": "another horse battery"})
}

// proves part of S05
func TestDisabledMemberIsOut(t *testing.T) {
	w := begin(t)
	owner := w.owner()
	w.member("", "help@acme.test", access.Support)
	p := w.login("help@acme.test")
	owner.must(http.StatusOK, "POST", "/members/"+owner.find("help@acme.test")+"/disable", nil)
	p.do("GET", "/session", nil).refused(http.StatusUnauthorized, "bad_session")
	p.do("POST", "/session", map[string]string{"email": "help@acme.test", "password": password}).
		refused(http.StatusUnauthorized, "bad_credentials")
}

func TestChangesNeedTheSessionsCSRFToken(t *testing.T) {
	w := begin(t)
	p, other := w.owner(), w.login("owner@acme.test")
	product := map[string]string{"name": "Modeler"}
	mine := p.csrf
	for _, token := range []string{"", strings.Repeat("0", 64), other.csrf} {
		p.csrf = token
		p.do("POST", "/products", product).refused(http.StatusForbidden, "bad_csrf")
		p.do("DELETE", "/session", nil).refused(http.StatusForbidden, "bad_csrf")
	}
	p.csrf = mine
	p.must(http.StatusCreated, "POST", "/products", product)
}

// Another site can make a browser send a form or plain text without asking us, also to log its visitor in as somebody else.
func TestFormOfAnotherSite(t *testing.T) {
	w := begin(t)
	w.owner()
	body := []byte(`{"email":"owner@acme.test","password":"` + password + `"}`)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
		header := http.Header{}
		if kind != "" {
			header.Set("Content-Type", kind)
		}
		r := w.stranger().send("POST", "/api/v1/session", header, body)
		r.refused(http.StatusUnsupportedMediaType, "media_type")
		if r.header.Get("Set-Cookie") != "" {
			t.Errorf("%q logs in", kind)
		}
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	w := begin(t)
	w.owner()
	w.member("", "help@acme.test", access.Support)
	p := w.stranger()
	for range 10 {
		p.do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": "wrong"}).refused(http.StatusUnauthorized, "bad_credentials")
	}
	right := map[string]string{"email": "owner@acme.test", "password": password}
	r := p.do("POST", "/session", right)
	r.refused(http.StatusTooManyRequests, "rate_limited")
	if got := r.header.Get("Retry-After"); got != "900" {
		t.Errorf("Retry-After %q", got)
	}
	w.login("help@acme.test") // the others are not locked out
	w.clock.pass(15 * time.Minute)
	p.must(http.StatusCreated, "POST", "/session", right)
}
