package server

import (
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A program that asks too often is told so without a signature being checked or made, and one at another address is served.
//
// proves part of B10
func TestProgramsAreHeldToARate(t *testing.T) {
	w := beginWith(t, Config{
		Data: filepath.Join(t.TempDir(), "data"), SyncRateAddress: 1, SyncRateBurst: 3 * time.Second,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	ask := func(address string) reply {
		return w.stranger().send("POST", "/api/v1/sync", http.Header{"X-Forwarded-For": {address}}, []byte("no request"))
	}
	served := 0
	r := ask("203.0.113.1")
	for ; r.status == http.StatusBadRequest && served < 1000; r = ask("203.0.113.1") {
		served++
	}
	r.refused(http.StatusTooManyRequests, "rate_limited")
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
	ask("203.0.113.2").refused(http.StatusBadRequest, "request_malformed")
}
