package httpd_test

import (
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/httpd"
	"github.com/onelicense/onelicense/server/servertest"
)

// A program that exceeds the rate is refused before any signature is verified or made; a program at another address is served.
//
// proves part of B10
func TestSyncRateLimits(t *testing.T) {
	w := servertest.Start(t, servertest.WithConfig(server.Config{
		Data: filepath.Join(t.TempDir(), "data"), SyncRates: httpd.SyncRates{PerAddress: 1, Burst: 3 * time.Second},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}))
	ask := func(address string) servertest.Reply {
		return w.Anonymous().Send("POST", "/api/v1/sync", http.Header{"X-Forwarded-For": {address}}, []byte("no request"))
	}
	served := 0
	r := ask("203.0.113.1")
	for ; r.Status == http.StatusBadRequest && served < 1000; r = ask("203.0.113.1") {
		served++
	}
	r.WantProblem(http.StatusTooManyRequests, "rate_limited")
	if served < 3 {
		t.Errorf("only %d were let through", served)
	}
	if got := r.Header.Get("Retry-After"); got != "1" {
		t.Errorf("come back after %q", got)
	}
	if got := r.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("a program in a page cannot read it: %q", got)
	}
	if strings.Count(w.Log.String(), "sync-rate-address") != 1 {
		t.Errorf("the log does not say it once:\n%s", w.Log)
	}
	ask("203.0.113.2").WantProblem(http.StatusBadRequest, "request_malformed")
}
