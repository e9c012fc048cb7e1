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
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/problem"
)

// Limits hold senders to a rate before anything that they send costs more than reading it: no signature is checked or made for a refused
// request, and the answer is unsigned. Each node counts for itself.
type Limits struct {
	Address int           // requests per second of one address; 0: as many as come
	License int           // requests per second for one license, from wherever they come; 0: as many as come
	Burst   time.Duration // for how long the rates can be saved up

	Now     func() time.Time // nil: time.Now
	Refused func(by string)  // nil, or is told of each refusal: "address" or "license"
}

// Limited puts limits in front of a service.
func Limited(s Service, l Limits) Service {
	if l.Now == nil {
		l.Now = time.Now
	}
	if l.Refused == nil {
		l.Refused = func(string) {}
	}
	return &limited{Service: s, Limits: l, start: l.Now(), addresses: newBuckets[netip.Prefix](l.Address, l.Burst), licenses: newBuckets[licenseKey](l.License, l.Burst)}
}

type limited struct {
	Service
	Limits
	start     time.Time
	addresses *buckets[netip.Prefix]
	licenses  *buckets[licenseKey]
}

func (l *limited) Sync(ctx context.Context, body []byte, address string) (licensing.Answer, error) {
	now := l.Now().Sub(l.start) // by the monotonic clock: a machine whose time is set limits as before
	if wait := l.addresses.take(network(address), now); wait > 0 {
		l.Refused("address")
		return licensing.Answer{}, &tooMany{"from this address", wait}
	}
	if id, ok := licenseOf(body); ok {
		if wait := l.licenses.take(id, now); wait > 0 {
			l.Refused("license")
			return licensing.Answer{}, &tooMany{"for this license", wait}
		}
	}
	return l.Service.Sync(ctx, body, address)
}

// network is whose an address is. Who has one address of version 6 has 2⁶⁴ of them.
func network(address string) netip.Prefix {
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

// licenseOf reads the license's id out of a request that was not checked. In one that is, it stands where this looks for it, because a
// document has one form only; what says otherwise is refused for its form, at little cost.
func licenseOf(request []byte) (id licenseKey, ok bool) {
	_, rest, found := bytes.Cut(request[:min(len(request), 512)], []byte(`"license":"`))
	if !found || len(rest) < len(id) {
		return id, false
	}
	copy(id[:], rest)
	return id, license.ID(id[:]).Valid()
}

// tooMany is the refusal.
type tooMany struct {
	what string
	wait time.Duration
}

func (e *tooMany) Error() string { return e.Unwrap().Error() }

// Unwrap makes it the problem that is answered.
func (e *tooMany) Unwrap() error {
	return problem.New(license.CodeRateLimited, fmt.Sprintf("more requests %s than the server takes; come back in %d s", e.what, e.seconds()))
}

func (e *tooMany) seconds() int { return int(math.Ceil(e.wait.Seconds())) }

func (e *tooMany) header(c *fiber.Ctx) {
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(e.seconds()))
}

// maxBuckets bounds the memory, a few megabytes. A bucket that is full again is forgotten, so it takes as many senders within a moment
// to reach it.
const maxBuckets = 1 << 16

// buckets are token buckets. Of each only the moment is kept at which it will be full; one that is not there is full.
type buckets[K comparable] struct {
	each, burst time.Duration // for one token; for all of them

	mu   sync.Mutex
	full map[K]time.Duration
}

func newBuckets[K comparable](rate int, burst time.Duration) *buckets[K] {
	if rate == 0 {
		return nil
	}
	each := time.Second / time.Duration(rate)
	return &buckets[K]{each: each, burst: max(burst, each), full: map[K]time.Duration{}}
}

// take takes a token at the time now, or tells how long it is until there is one. A refusal costs nothing: who goes on asking is served at
// the rate.
func (b *buckets[K]) take(k K, now time.Duration) (wait time.Duration) {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	full, known := b.full[k]
	full = max(full, now) + b.each
	if full > now+b.burst {
		return full - now - b.burst
	}
	if !known && len(b.full) >= maxBuckets {
		b.tidy(now)
	}
	b.full[k] = full
	return 0
}

// tidy forgets what is full. Should that not be half of them, it forgets everything: it is better to lose count than to refuse everybody,
// or to spend the time on tidying.
func (b *buckets[K]) tidy(now time.Duration) {
	for k, full := range b.full {
		if full <= now {
			delete(b.full, k)
		}
	}
	if len(b.full) > maxBuckets/2 {
		clear(b.full)
	}
}
