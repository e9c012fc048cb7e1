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

// RateLimits hold senders to a rate before anything that they send costs more than reading it: no signature is checked or made for a refused
// request, and the answer is unsigned. Each node counts for itself.
type RateLimits struct {
	PerAddress int           // requests per second of one address; 0: as many as come
	PerLicense int           // requests per second for one license, from wherever they come; 0: as many as come
	Burst      time.Duration // for how long the rates can be saved up

	Now       func() time.Time // nil: time.Now
	OnRefused func(by string)  // nil, or is told of each refusal: "address" or "license"
}

// WithRateLimits puts limits in front of a service.
func WithRateLimits(s Service, l RateLimits) Service {
	if l.Now == nil {
		l.Now = time.Now
	}
	if l.OnRefused == nil {
		l.OnRefused = func(string) {}
	}
	return &rateLimited{Service: s, RateLimits: l, start: l.Now(), addresses: newTokenBuckets[netip.Prefix](l.PerAddress, l.Burst), licenses: newTokenBuckets[licenseKey](l.PerLicense, l.Burst)}
}

type rateLimited struct {
	Service
	RateLimits
	start     time.Time
	addresses *tokenBuckets[netip.Prefix]
	licenses  *tokenBuckets[licenseKey]
}

func (l *rateLimited) Sync(ctx context.Context, body []byte, address string) (leasing.Answer, error) {
	now := l.Now().Sub(l.start) // by the monotonic clock: a machine whose time is set limits as before
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

// addressPrefix is whose an address is. Who has one address of version 6 has 2⁶⁴ of them.
func addressPrefix(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{} // all that are none, together
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

// peekLicense reads the license's id out of a request that was not checked. In one that is, it stands where this looks for it, because a
// document has one form only; what says otherwise is refused for its form, at little cost.
func peekLicense(request []byte) (id licenseKey, ok bool) {
	_, rest, found := bytes.Cut(request[:min(len(request), 512)], []byte(`"license":"`))
	if !found || len(rest) < len(id) {
		return id, false
	}
	copy(id[:], rest)
	return id, license.ID(id[:]).Valid()
}

// rateLimitError is the refusal.
type rateLimitError struct {
	scope string
	wait  time.Duration
}

func (e *rateLimitError) Error() string { return e.Unwrap().Error() }

// Unwrap makes it the problem that is answered.
func (e *rateLimitError) Unwrap() error {
	return problem.New(license.CodeRateLimited, fmt.Sprintf("more requests %s than the server takes; come back in %d s", e.scope, e.seconds()))
}

func (e *rateLimitError) seconds() int { return int(math.Ceil(e.wait.Seconds())) }

func (e *rateLimitError) setRetryAfter(c *fiber.Ctx) {
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(e.seconds()))
}

// maxBuckets bounds the memory, a few megabytes. A bucket that is full again is forgotten, so it takes as many senders within a moment
// to reach it.
const maxBuckets = 1 << 16

// tokenBuckets are token buckets. Of each only the moment is kept at which it will be full; one that is not there is full.
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

// take takes a token at the time now, or tells how long it is until there is one. A refusal costs nothing: who goes on asking is served at
// the rate.
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

// evict forgets what is full. Should that not be half of them, it forgets everything: it is better to lose count than to refuse everybody,
// or to spend the time on tidying.
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
