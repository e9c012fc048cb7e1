package server

import (
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/httpd"
)

// A program that asks too often is told so without a signature being checked or made, and one at another address is served.
//
// proves part of B10
func TestSyncRateLimits(t *testing.T) {
	w := startServerWith(t, Config{
		Data: filepath.Join(t.TempDir(), "data"), SyncRates: httpd.SyncRates{PerAddress: 1, Burst: 3 * time.Second},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	ask := func(address string) reply {
		return w.anonymous().send("POST", "/api/v1/sync", http.Header{"X-Forwarded-For": {address}}, []byte("no request"))
	}
	served := 0
	r := ask("203.0.113.1")
	for ; r.status == http.StatusBadRequest && served < 1000; r = ask("203.0.113.1") {
		served++
	}
	r.wantProblem(http.StatusTooManyRequests, "rate_limited")
	if served < 3 {
		t.Errorf("only %d were let through", served)
	}
	if got := r.header.Get("Retry-After"); got != "1" {
		t.Errorf("come back after %q", got)
	}
	if got := r.header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("a program in a page cannot read it: %q", got)
	}
	if strings.Count(w.log.String(), "sync-rate-address") != 1 {
		t.Errorf("the log does not say it once:\n%s", w.log)
	}
	ask("203.0.113.2").wantProblem(http.StatusBadRequest, "request_malformed")
}

// Who guesses a password is kept waiting, whatever is tried next, and others are not; and a program that asks too often waits too.
//
// proves B10
func TestLoginAndSyncRateLimitsAreIndependent(t *testing.T) {
	w := startServerWith(t, Config{
		Data: filepath.Join(t.TempDir(), "data"), SyncRates: httpd.SyncRates{PerAddress: 1, Burst: 3 * time.Second},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	w.owner()
	login := func(address, password string) reply {
		return w.anonymous().doWithHeaders(map[string]string{"X-Forwarded-For": address}, "POST", "/session", map[string]string{"email": "owner@acme.test", "password": password})
	}
	const home, guesser = "203.0.113.1", "198.51.100.7"
	if r := login(home, password); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	wrong := 0
	r := login(guesser, "not this one")
	for ; r.status == http.StatusUnauthorized && wrong < 100; r = login(guesser, "not this one") {
		wrong++
	}
	r.wantProblem(http.StatusTooManyRequests, "rate_limited")
	wait, err := strconv.Atoi(r.header.Get("Retry-After"))
	if err != nil || wait <= 0 || wrong < 5 {
		t.Errorf("after %d guesses the wait is %q", wrong, r.header.Get("Retry-After"))
	}
	login(guesser, password).wantProblem(http.StatusTooManyRequests, "rate_limited") // the guess that would have been right
	if r := login(home, password); r.status != http.StatusCreated {
		t.Errorf("the owner is kept out: %d %s", r.status, r.body)
	}
	w.clock.advance(time.Duration(wait) * time.Second)
	if r := login(guesser, password); r.status != http.StatusCreated {
		t.Errorf("after the wait: %d %s", r.status, r.body)
	}

	device := http.Header{"X-Forwarded-For": {guesser}}
	for range 1000 {
		if r = w.anonymous().send("POST", "/api/v1/sync", device, []byte("no request")); r.status != http.StatusBadRequest {
			break
		}
	}
	r.wantProblem(http.StatusTooManyRequests, "rate_limited")
}
