package httpd

import (
	"net/netip"
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
