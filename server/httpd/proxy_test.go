package httpd_test

import (
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/servertest"
)

// The login rate limit uses the address that the trusted proxy saw, whatever the client writes into the header.
//
// proves part of B10
func TestRateLimitBehindProxy(t *testing.T) {
	// Each row is about a person of its own, whose count over all addresses is another thing.
	guess := func(w *servertest.Server, whose string, forwarded ...string) int {
		header := http.Header{"Content-Type": {"application/json"}, "X-Forwarded-For": forwarded}
		return w.Anonymous().Send("POST", "/api/v1/session", header, []byte(`{"email":"`+whose+`@acme.test","password":"wrong"}`)).Status
	}
	until := func(w *servertest.Server, whose string, forwarded func(n byte) []string) (tries int) {
		for n := byte(1); n <= 15; n++ {
			if guess(w, whose, forwarded(n)...) == http.StatusTooManyRequests {
				return int(n)
			}
		}
		return 0
	}
	address := func(n byte) string { return netip.AddrFrom4([4]byte{203, 0, 113, n}).String() }

	direct := servertest.Start(t)
	if n := until(direct, "a", func(n byte) []string { return []string{address(n)} }); n != 11 {
		t.Errorf("who comes directly and claims to be others is locked out at try %d", n)
	}
	behind := servertest.Start(t, servertest.WithConfig(server.Config{Data: filepath.Join(t.TempDir(), "data"),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}))
	if n := until(behind, "b", func(n byte) []string { return []string{address(n)} }); n != 0 {
		t.Errorf("different people behind a proxy are locked out at try %d", n)
	}
	if n := until(behind, "c", func(n byte) []string { return []string{address(n), address(99)} }); n != 11 {
		t.Errorf("who claims to be others in a line of his own is locked out at try %d", n)
	}
	if n := until(behind, "d", func(n byte) []string { return []string{address(n) + ", " + address(98)} }); n != 11 {
		t.Errorf("who claims to be others in the proxy's line is locked out at try %d", n)
	}
	if strings.Contains(behind.Log.String(), "panic") {
		t.Error(behind.Log)
	}
}
