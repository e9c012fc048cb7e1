package protocol

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing/leasing"
	"github.com/onelicense/onelicense/server/problem"
)

// RateLimits limit the rate of requests before they cost more than reading them: no signature is verified or made for a refused request,
// and the answer is unsigned. Each node counts by itself.
type RateLimits struct {
	PerAddress int           // requests per second from one address; 0: no limit
	PerLicense int           // requests per second for one license, from all addresses; 0: no limit
	Burst      time.Duration // time for which an unused rate accumulates

	Now       func() time.Time // nil: time.Now
	OnRefused func(by string)  // if not nil, called for each refusal with "address" or "license"
}

// WithRateLimits returns a service that limits the rate of syncs.
func WithRateLimits(s Service, l RateLimits) Service {
	if l.Now == nil {
		l.Now = time.Now
	}
	if l.OnRefused == nil {
		l.OnRefused = func(string) {}
	}
	return &rateLimited{Service: s, RateLimits: l, start: l.Now(), addresses: newTokenBuckets[netip.Prefix](l.PerAddress, l.Burst),
		licenses: newTokenBuckets[licenseKey](l.PerLicense, l.Burst)}
}

type rateLimited struct {
	Service
	RateLimits
	start     time.Time
	addresses *tokenBuckets[netip.Prefix]
	licenses  *tokenBuckets[licenseKey]
}

func (l *rateLimited) Sync(ctx context.Context, body []byte, address string) (leasing.Answer, error) {
	now := l.Now().Sub(l.start) // monotonic, so that setting the clock does not affect the limits
	if wait := l.addresses.take(addressPrefix(address), now); wait > 0 {
		l.OnRefused("address")
		return leasing.Answer{}, &rateLimitError{"from this address", wait}
	}
	if id, ok := peekLicense(body); ok {
		if wait := l.licenses.take(id, now); wait > 0 {
			l.OnRefused("license")
			return leasing.Answer{}, &rateLimitError{"for this license", wait}
		}
	}
	return l.Service.Sync(ctx, body, address)
}

// addressPrefix returns the prefix that one sender is assumed to own: an IPv4 address, or the 64-bit prefix of an IPv6 address. Invalid
// addresses share one prefix.
func addressPrefix(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{} // shared by all invalid addresses
	}
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // it fits
	return p
}

type licenseKey [24]byte

// peekLicense returns the license id of a request that was not verified. In a valid request the id is where this function looks, since a
// document has only one form; another request is refused for its form at little cost.
func peekLicense(request []byte) (id licenseKey, ok bool) {
	_, rest, found := bytes.Cut(request[:min(len(request), 512)], []byte(`"license":"`))
	if !found || len(rest) < len(id) {
		return id, false
	}
	copy(id[:], rest)
	return id, license.ID(id[:]).Valid()
}

// rateLimitError is the refusal of a request that exceeds a rate.
type rateLimitError struct {
	scope string
	wait  time.Duration
}

func (e *rateLimitError) Error() string { return e.Unwrap().Error() }

// Unwrap returns the problem that is sent.
func (e *rateLimitError) Unwrap() error {
	return problem.New(license.CodeRateLimited, fmt.Sprintf("too many requests %s; retry in %d s", e.scope, e.seconds()))
}

func (e *rateLimitError) seconds() int { return int(math.Ceil(e.wait.Seconds())) }

func (e *rateLimitError) setRetryAfter(c *fiber.Ctx) {
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(e.seconds()))
}

// maxBuckets limits the memory to a few megabytes. A full bucket is forgotten, so this many senders within a moment are needed to reach it.
const maxBuckets = 1 << 16

// tokenBuckets are token buckets. Of each only the time at which it will be full is stored; a missing bucket is full.
type tokenBuckets[K comparable] struct {
	interval, burst time.Duration // for one token; for all of them

	mu     sync.Mutex
	fullAt map[K]time.Duration
}

func newTokenBuckets[K comparable](rate int, burst time.Duration) *tokenBuckets[K] {
	if rate == 0 {
		return nil
	}
	each := time.Second / time.Duration(rate)
	return &tokenBuckets[K]{interval: each, burst: max(burst, each), fullAt: map[K]time.Duration{}}
}

// take takes a token at the time now, or returns how long to wait for one. A refusal takes no token, so that a sender that keeps asking is
// served at the rate.
func (b *tokenBuckets[K]) take(k K, now time.Duration) (wait time.Duration) {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	full, known := b.fullAt[k]
	full = max(full, now) + b.interval
	if full > now+b.burst {
		return full - now - b.burst
	}
	if !known && len(b.fullAt) >= maxBuckets {
		b.evict(now)
	}
	b.fullAt[k] = full
	return 0
}

// evict deletes the full buckets, and all if fewer than half are full: losing count is better than refusing everybody or spending the time
// on eviction.
func (b *tokenBuckets[K]) evict(now time.Duration) {
	for k, full := range b.fullAt {
		if full <= now {
			delete(b.fullAt, k)
		}
	}
	if len(b.fullAt) > maxBuckets/2 {
		clear(b.fullAt)
	}
}
