package server

import (
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}
	for name, c := range map[string]struct{ remote, list, want string }{
		"no proxy":                 {"198.51.100.7", "", "198.51.100.7"},
		"a liar without a proxy":   {"198.51.100.7", "203.0.113.9", "198.51.100.7"},
		"one proxy":                {"10.0.0.1", "203.0.113.9", "203.0.113.9"},
		"a liar behind a proxy":    {"10.0.0.1", "192.0.2.66, 203.0.113.9", "203.0.113.9"},
		"a liar who plays a proxy": {"10.0.0.1", "192.0.2.66, 10.0.0.9, 203.0.113.9", "203.0.113.9"},
		"two proxies":              {"10.0.0.1", "192.0.2.66, 203.0.113.9, 10.0.0.2", "203.0.113.9"},
		"only proxies":             {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		"a proxy that says no":     {"10.0.0.1", "", "10.0.0.1"},
		"no address":               {"10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"},
		"with ports":               {"10.0.0.1", "203.0.113.9:4711, 10.0.0.2:99", "203.0.113.9"},
		"version 6":                {"2001:db8::1", "2001:db8::7", "2001:db8::7"},
		"version 4 in 6":           {"::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"},
	} {
		if got := clientAddress(netip.MustParseAddr(c.remote), c.list, trusted).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func FuzzClientAddress(f *testing.F) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Add("192.0.2.66, [2001:db8::7]:80,, 10.0.0.2%eth0")
	f.Fuzz(func(t *testing.T, list string) {
		if got := clientAddress(netip.MustParseAddr("198.51.100.7"), list, trusted); got.String() != "198.51.100.7" {
			t.Errorf("a stranger's %q makes him %s", list, got)
		}
		got := clientAddress(netip.MustParseAddr("10.0.0.1"), list+", 203.0.113.9", trusted)
		if got.String() != "203.0.113.9" {
			t.Errorf("%q makes the client %s", list, got)
		}
	})
}

// The lock-out of guessers goes by the address that the trusted proxy saw, whatever the guesser writes.
//
// proves part of B10
func TestRateLimitBehindProxy(t *testing.T) {
	// Each row is about a person of its own, whose count over all addresses is another thing.
	guess := func(w *testServer, whose string, forwarded ...string) int {
		header := http.Header{"Content-Type": {"application/json"}, "X-Forwarded-For": forwarded}
		return w.anonymous().send("POST", "/api/v1/session", header, []byte(`{"email":"`+whose+`@acme.test","password":"wrong"}`)).status
	}
	until := func(w *testServer, whose string, forwarded func(n byte) []string) (tries int) {
		for n := byte(1); n <= 15; n++ {
			if guess(w, whose, forwarded(n)...) == http.StatusTooManyRequests {
				return int(n)
			}
		}
		return 0
	}
	address := func(n byte) string { return netip.AddrFrom4([4]byte{203, 0, 113, n}).String() }

	direct := startServer(t)
	if n := until(direct, "a", func(n byte) []string { return []string{address(n)} }); n != 11 {
		t.Errorf("who comes directly and claims to be others is locked out at try %d", n)
	}
	behind := startServerWith(t, Config{Data: filepath.Join(t.TempDir(), "data"), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if n := until(behind, "b", func(n byte) []string { return []string{address(n)} }); n != 0 {
		t.Errorf("different people behind a proxy are locked out at try %d", n)
	}
	if n := until(behind, "c", func(n byte) []string { return []string{address(n), address(99)} }); n != 11 {
		t.Errorf("who claims to be others in a line of his own is locked out at try %d", n)
	}
	if n := until(behind, "d", func(n byte) []string { return []string{address(n) + ", " + address(98)} }); n != 11 {
		t.Errorf("who claims to be others in the proxy's line is locked out at try %d", n)
	}
	if strings.Contains(behind.log.String(), "panic") {
		t.Error(behind.log)
	}
}
