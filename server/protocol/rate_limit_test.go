package protocol

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing/leasing"
	"github.com/onelicense/onelicense/server/problem"
)

// counting counts what gets through.
type counting struct {
	Service
	through int
}

func (c *counting) Sync(context.Context, []byte, string) (leasing.Answer, error) {
	c.through++
	return leasing.Answer{}, nil
}

// gate is a limited service and a clock that is moved by hand.
type gate struct {
	*testing.T
	inner   *counting
	service Service
	now     time.Time
	refused map[string]int
}

func newGate(t *testing.T, l RateLimits) *gate {
	g := &gate{T: t, inner: &counting{}, now: time.Unix(1_800_000_000, 0), refused: map[string]int{}}
	l.Now = func() time.Time { return g.now }
	l.OnRefused = func(by string) { g.refused[by]++ }
	g.service = WithRateLimits(g.inner, l)
	return g
}

// ask gives how long it must wait, zero when it was let through.
func (g *gate) ask(body []byte, address string) time.Duration {
	g.Helper()
	before := g.inner.through
	_, err := g.service.Sync(g.Context(), body, address)
	var limit *rateLimitError
	if !errors.As(err, &limit) {
		if err != nil || g.inner.through != before+1 {
			g.Fatalf("%v, %d through", err, g.inner.through-before)
		}
		return 0
	}
	var p *problem.Problem
	if !errors.As(err, &p) || p.Code != license.CodeRateLimited || p.Status != http.StatusTooManyRequests || limit.seconds() < 1 ||
		g.inner.through != before {
		g.Fatalf("%v, wait %d s", err, limit.seconds())
	}
	return limit.wait
}

func requestFor(id license.ID) []byte {
	r := lease.Request{Product: "5edb10fecc150913cb7640f6", Version: "5edb1105cc150913cb7640f7", License: id}
	return r.Sign(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
}

// proves part of B10
func TestRateLimitPerAddress(t *testing.T) {
	g := newGate(t, RateLimits{PerAddress: 10, Burst: 2 * time.Second})
	for n := range 20 { // what was saved up
		if wait := g.ask(nil, "198.51.100.7"); wait != 0 {
			t.Fatalf("request %d must wait %v", n, wait)
		}
	}
	if wait := g.ask(nil, "198.51.100.7"); wait != 100*time.Millisecond {
		t.Errorf("beyond the burst it waits %v", wait)
	}
	if wait := g.ask(nil, "198.51.100.8"); wait != 0 {
		t.Errorf("somebody else waits %v", wait)
	}
	through := g.inner.through
	for range 1000 { // it goes on asking, and is served at the rate
		g.now = g.now.Add(10 * time.Millisecond)
		g.ask(nil, "198.51.100.7")
	}
	if got := g.inner.through - through; got != 100 {
		t.Errorf("in 10 s %d got through, want 100", got)
	}
	if g.refused["address"] != 901 || g.refused["license"] != 0 {
		t.Errorf("refused %v", g.refused)
	}
}

// proves part of B10
func TestRateLimitPerLicense(t *testing.T) {
	g := newGate(t, RateLimits{PerLicense: 1, Burst: 3 * time.Second})
	ours, other := requestFor("5edb1264cc150913cb7640f8"), requestFor("5edb1264cc150913cb7640f9")
	for n := range 3 {
		if wait := g.ask(ours, fmt.Sprintf("198.51.100.%d", n)); wait != 0 {
			t.Fatalf("request %d waits %v", n, wait)
		}
	}
	if wait := g.ask(ours, "203.0.113.1"); wait != time.Second {
		t.Errorf("from yet another address it waits %v", wait)
	}
	if wait := g.ask(other, "203.0.113.1"); wait != 0 {
		t.Errorf("another license waits %v", wait)
	}
	if wait := g.ask([]byte("no request"), "203.0.113.1"); wait != 0 {
		t.Errorf("what is no request is for the service to refuse: %v", wait)
	}
}

func TestRateLimitsDisabled(t *testing.T) {
	g := newGate(t, RateLimits{})
	for range 10_000 {
		if wait := g.ask(requestFor("5edb1264cc150913cb7640f8"), "198.51.100.7"); wait != 0 {
			t.Fatal(wait)
		}
	}
}

func TestAddressPrefix(t *testing.T) {
	same := func(a, b string) bool { return addressPrefix(a) == addressPrefix(b) }
	if !same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9") || same("2001:db8:1:2::1", "2001:db8:1:3::1") ||
		same("198.51.100.7", "198.51.100.8") ||
		!same("::ffff:198.51.100.7", "198.51.100.7") || same("198.51.100.7", "") || !same("", "nonsense") {
		t.Error("addresses are put together wrongly")
	}
}

// However many senders there are, the memory is bounded, and nobody is refused for it.
func TestRateLimitMemoryIsBounded(t *testing.T) {
	for name, step := range map[string]time.Duration{"at_once": 0, "over_time": time.Second} {
		t.Run(name, func(t *testing.T) {
			b := newTokenBuckets[netip.Addr](1, 10*time.Second)
			now, address := time.Duration(0), netip.MustParseAddr("10.0.0.0")
			for range 3 * maxBuckets {
				address = address.Next()
				if wait := b.take(address, now); wait != 0 {
					t.Fatal(wait)
				}
				now += step
			}
			if len(b.fullAt) > maxBuckets {
				t.Errorf("%d buckets", len(b.fullAt))
			}
		})
	}
}

// What the limit reads is what the service reads in every request that it accepts.
func FuzzPeekLicense(f *testing.F) {
	f.Add(requestFor("5edb1264cc150913cb7640f8"))
	f.Add([]byte(`{"type":"onelicense/request/1","license":"`))
	f.Add([]byte(strings.Repeat(`"license":"`, 60)))
	f.Fuzz(func(t *testing.T, body []byte) {
		id, ok := peekLicense(body)
		if ok && !license.ID(id[:]).Valid() {
			t.Errorf("%q", id)
		}
		if r, _, err := lease.OpenRequest(body); err == nil && (!ok || r.License != license.ID(id[:])) {
			t.Errorf("read %q, the service reads %q", id, r.License)
		}
	})
}
