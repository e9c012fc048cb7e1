package api_test

import (
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/httpd"
	"github.com/onelicense/onelicense/server/servertest"
)

// proves S01
func TestHealth(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.anonymous()
	for _, path := range []string{"/livez", "/readyz"} {
		if r := p.Send("GET", path, nil, nil); r.Status != http.StatusOK {
			t.Errorf("%s: %d", path, r.Status)
		}
	}
	w.StoreClosed = true
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	p.Send("GET", "/readyz", nil, nil).WantProblem(http.StatusServiceUnavailable, "unavailable")
	if r := p.Send("GET", "/livez", nil, nil); r.Status != http.StatusOK {
		t.Errorf("the process lives without its store, but /livez says %d", r.Status)
	}
}

// proves part of S02
func TestFirstOwnerRequiresSetupToken(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.anonymous()
	p.Do("POST", "/setup", servertest.SetupBody(strings.Repeat("0", 64))).WantProblem(http.StatusForbidden, "bad_setup_token")
	p.Do("POST", "/session", map[string]string{"email": "admin", "password": "admin"}).WantProblem(http.StatusUnauthorized, "bad_credentials")
	page := p.Send("GET", "/setup?token="+w.SetupToken, nil, nil)
	if !strings.Contains(string(page.Body), "curl") || !strings.Contains(string(page.Body), w.SetupToken) {
		t.Errorf("the setup page does not say how: %s", page.Body)
	}
	if page := p.Send("GET", "/setup?token=';rm%20-r%20~;'", nil, nil); strings.Contains(string(page.Body), "rm -r") {
		t.Errorf("the setup page repeats what it was given: %s", page.Body)
	}
	short := servertest.SetupBody(w.SetupToken)
	short["password"] = "short"
	if got := p.Do("POST", "/setup", short).WantProblem(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != "password" {
		t.Errorf("field %q", got.Errors[0].Field)
	}
	made := p.Must(http.StatusCreated, "POST", "/setup", servertest.SetupBody(w.SetupToken))
	if member := made["member"].(map[string]any); member["role"] != "owner" || member["email"] != "owner@acme.test" {
		t.Errorf("made %v", member)
	}
	w.anonymous().Do("POST", "/setup", servertest.SetupBody(w.SetupToken)).WantProblem(http.StatusForbidden, "bad_setup_token")
	if log := w.Log.String(); strings.Contains(log, w.SetupToken) || strings.Contains(log, password) || strings.Contains(log, "argon2") {
		t.Errorf("the log tells secrets:\n%s", log)
	}
}

// proves part of S02
func TestSetupTokenExpires(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	w.Clock.Advance(access.SetupLifetime)
	w.anonymous().Do("POST", "/setup", servertest.SetupBody(w.SetupToken)).WantProblem(http.StatusForbidden, "bad_setup_token")
}

// proves S03
func TestLogin(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	w.owner()
	p := w.anonymous()
	wrongPassword := p.Do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": "wrong horse battery"})
	wrongEmail := p.Do("POST", "/session", map[string]string{"email": "nobody@acme.test", "password": password})
	wrongPassword.WantProblem(http.StatusUnauthorized, "bad_credentials")
	wrongEmail.WantProblem(http.StatusUnauthorized, "bad_credentials")
	if string(wrongPassword.Body) != string(wrongEmail.Body) {
		t.Errorf("the answers tell which was wrong:\n%s\n%s", wrongPassword.Body, wrongEmail.Body)
	}
	r := p.Do("POST", "/session", map[string]string{"email": " OWNER@acme.test", "password": password})
	if r.Status != http.StatusCreated {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	cookie := r.Header.Get("Set-Cookie")
	for _, want := range []string{"onelicense_session=", "HttpOnly", "SameSite=Lax", "Max-Age=" + strconv.Itoa(12*3600), "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %q", cookie, want)
		}
	}
	if strings.Contains(cookie, "Secure") {
		t.Errorf("without TLS a Secure cookie would never come back: %q", cookie)
	}
	p.Must(http.StatusOK, "GET", "/session", nil)
	p.Must(http.StatusNoContent, "DELETE", "/session", nil)
	p.Do("GET", "/session", nil).WantProblem(http.StatusUnauthorized, "not_authenticated")
}

func TestCookieIsSecureBehindTLS(t *testing.T) {
	t.Parallel()
	w := startServerWith(t, server.Config{Data: t.TempDir(), PublicURL: "https://licenses.example.com/"})
	if link := w.SetupURL(&net.TCPAddr{}); !strings.HasPrefix(link, "https://licenses.example.com/setup?token=") {
		t.Errorf("link %q", link)
	}
	r := w.anonymous().Do("POST", "/setup", servertest.SetupBody(w.SetupToken))
	cookie := r.Header.Get("Set-Cookie")
	if !strings.Contains(cookie, "Secure") || !strings.HasPrefix(cookie, "__Host-onelicense_session=") ||
		!strings.Contains(cookie, "Path=/;") || strings.Contains(cookie, "Domain") {
		t.Errorf("cookie %q", cookie)
	}
	// A neighbour of the same domain can set a cookie for it, but none with this name.
	own, _, _ := strings.Cut(cookie, ";")
	with := func(cookie string) reply {
		return w.anonymous().Send("GET", "/api/v1/session", http.Header{"Cookie": {cookie}}, nil)
	}
	if r := with(own); r.Status != http.StatusOK {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	with(strings.TrimPrefix(own, "__Host-")).WantProblem(http.StatusUnauthorized, "not_authenticated")
}

// proves S04
func TestInvalidSessions(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	w.anonymous().Do("GET", "/products", nil).WantProblem(http.StatusUnauthorized, "not_authenticated")
	bad := http.Header{"Cookie": {"onelicense_session=" + strings.Repeat("0", 64)}}
	w.anonymous().Send("GET", "/api/v1/products", bad, nil).WantProblem(http.StatusUnauthorized, "bad_session")
	w.Clock.Advance(access.SessionLifetime - time.Second)
	p.Must(http.StatusOK, "GET", "/products", nil)
	w.Clock.Advance(time.Second)
	p.Do("GET", "/products", nil).WantProblem(http.StatusUnauthorized, "session_expired")
}

// proves part of S05
func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	here := w.owner()
	elsewhere := w.login("owner@acme.test")
	wrong := here.Do("PUT", "/session/password",
		map[string]string{"current_password": "not this one, no", "new_password": "another horse battery"})
	if p := wrong.WantProblem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Field != "current_password" {
		t.Errorf("field %q", p.Errors[0].Field)
	}
	elsewhere.Must(http.StatusOK, "GET", "/session", nil)
	here.Must(http.StatusNoContent, "PUT", "/session/password",
		map[string]string{"current_password": password, "new_password": "another horse battery"})
	here.Must(http.StatusOK, "GET", "/session", nil)
	elsewhere.Do("GET", "/session", nil).WantProblem(http.StatusUnauthorized, "bad_session")
	w.anonymous().Do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": password}).
		WantProblem(http.StatusUnauthorized, "bad_credentials")
	w.anonymous().Must(http.StatusCreated, "POST", "/session", map[string]string{"email": "owner@acme.test",
		"password": "another horse battery"})
}

// proves part of S05
func TestDisabledMemberIsRefused(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	owner := w.owner()
	w.AddMember("", "help@acme.test", access.Support)
	p := w.login("help@acme.test")
	owner.Must(http.StatusOK, "POST", "/members/"+owner.memberID("help@acme.test")+"/disable", nil)
	p.Do("GET", "/session", nil).WantProblem(http.StatusUnauthorized, "bad_session")
	p.Do("POST", "/session", map[string]string{"email": "help@acme.test", "password": password}).
		WantProblem(http.StatusUnauthorized, "bad_credentials")
}

func TestCSRFTokenRequired(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p, other := w.owner(), w.login("owner@acme.test")
	product := map[string]string{"name": "Modeler"}
	mine := p.CSRF
	for _, token := range []string{"", strings.Repeat("0", 64), other.CSRF} {
		p.CSRF = token
		p.Do("POST", "/products", product).WantProblem(http.StatusForbidden, "bad_csrf")
		p.Do("DELETE", "/session", nil).WantProblem(http.StatusForbidden, "bad_csrf")
	}
	p.CSRF = mine
	p.Must(http.StatusCreated, "POST", "/products", product)
}

// Another site can make a browser send a form or plain text without a preflight, also to log the visitor in as somebody else.
func TestCrossSiteForms(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	w.owner()
	body := []byte(`{"email":"owner@acme.test","password":"` + password + `"}`)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
		header := http.Header{}
		if kind != "" {
			header.Set("Content-Type", kind)
		}
		r := w.anonymous().Send("POST", "/api/v1/session", header, body)
		r.WantProblem(http.StatusUnsupportedMediaType, "unsupported_media_type")
		if r.Header.Get("Set-Cookie") != "" {
			t.Errorf("%q logs in", kind)
		}
	}
}

func TestLoginRateLimit(t *testing.T) {
	w := startServer(t)
	w.owner()
	w.AddMember("", "help@acme.test", access.Support)
	p := w.anonymous()
	for range 10 {
		p.Do("POST", "/session", map[string]string{"email": "owner@acme.test", "password": "wrong"}).WantProblem(http.StatusUnauthorized,
			"bad_credentials")
	}
	right := map[string]string{"email": "owner@acme.test", "password": password}
	r := p.Do("POST", "/session", right)
	r.WantProblem(http.StatusTooManyRequests, "rate_limited")
	if got := r.Header.Get("Retry-After"); got != "900" {
		t.Errorf("Retry-After %q", got)
	}
	w.login("help@acme.test") // the others are not locked out
	w.Clock.Advance(15 * time.Minute)
	p.Must(http.StatusCreated, "POST", "/session", right)
}

// An address that guesses passwords must wait, whatever it tries next, and others need not; a program that syncs too often must wait too.
//
// proves B10
func TestLoginAndSyncRateLimitsAreIndependent(t *testing.T) {
	w := startServerWith(t, server.Config{
		Data: filepath.Join(t.TempDir(), "data"), SyncRates: httpd.SyncRates{PerAddress: 1, Burst: 3 * time.Second},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	w.owner()
	login := func(address, password string) reply {
		return w.anonymous().DoWithHeaders(map[string]string{"X-Forwarded-For": address}, "POST", "/session",
			map[string]string{"email": "owner@acme.test", "password": password})
	}
	const home, guesser = "203.0.113.1", "198.51.100.7"
	if r := login(home, password); r.Status != http.StatusCreated {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	wrong := 0
	r := login(guesser, "not this one")
	for ; r.Status == http.StatusUnauthorized && wrong < 100; r = login(guesser, "not this one") {
		wrong++
	}
	r.WantProblem(http.StatusTooManyRequests, "rate_limited")
	wait, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if err != nil || wait <= 0 || wrong < 5 {
		t.Errorf("after %d guesses the wait is %q", wrong, r.Header.Get("Retry-After"))
	}
	login(guesser, password).WantProblem(http.StatusTooManyRequests, "rate_limited") // the guess that would have been right
	if r := login(home, password); r.Status != http.StatusCreated {
		t.Errorf("the owner is kept out: %d %s", r.Status, r.Body)
	}
	w.Clock.Advance(time.Duration(wait) * time.Second)
	if r := login(guesser, password); r.Status != http.StatusCreated {
		t.Errorf("after the wait: %d %s", r.Status, r.Body)
	}

	device := http.Header{"X-Forwarded-For": {guesser}}
	for range 1000 {
		if r = w.anonymous().Send("POST", "/api/v1/sync", device, []byte("no request")); r.Status != http.StatusBadRequest {
			break
		}
	}
	r.WantProblem(http.StatusTooManyRequests, "rate_limited")
}
