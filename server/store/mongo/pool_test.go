//go:build mongo

package mongo

import (
	"errors"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A pool of several buckets is as exact as one: it is filled to the last seat, not beyond, whoever asks for which bucket first, and what
// lapsed anywhere in it is found. proves S27
func TestPoolOfSeveralBuckets(t *testing.T) {
	const slots = 2*bucketSize + 40
	c := newScene(t, database(t))
	other := opened(t, c.uri)
	asks := func(now lease.Time, from, to int) int {
		granted := make([]int, to-from)
		if err := inParallel(to-from, func(i int) error {
			node := []*Store{c.s, other}[i%2]
			a := c.advance(fmt.Sprint(from+i), fmt.Sprint("asks ", from+i, now), func(a *licensing.Advance) {
				a.Activate = &licensing.Activate{Limit: 1 << 30, Window: 1}
				a.Now, a.Until = now, now+1000
				a.Want = []licensing.Want{{Slot: lease.Slot{Entitlement: "seat", Context: "ui"}, Slots: slots}}
			})
			a.Compose = func(o licensing.Outcome) (lease.Document, error) {
				granted[i] = len(o.Reservations)
				return lease.Document("{}"), nil
			}
			_, err := node.Advance(t.Context(), a)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, n := range granted {
			sum += n
		}
		return sum
	}
	if n := asks(1000, 0, slots-10); n != slots-10 {
		t.Errorf("%d of %d were granted while there was room", n, slots-10)
	}
	if n := asks(1500, slots, slots+50); n != 10 {
		t.Errorf("%d were granted when 10 were left", n)
	}
	if n := asks(2000, slots+50, slots+90); n != 40 { // the first have lapsed
		t.Errorf("%d of 40 were granted after others had lapsed", n)
	}
	c.buckets(slots)
	raw, err := one[bson.Raw](t.Context(), c.s.meters, with("_id", string(c.license)))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := decodeMeter(raw); err != nil || len(m.Traces) > 100 {
		t.Errorf("the meter remembers %d of %d requests: %v", len(m.Traces), slots+80, err)
	}
}

// inParallel runs f for every index, a few at a time.
func inParallel(n int, f func(int) error) error {
	const atOnce = 32
	errs := make(chan error, atOnce)
	for k := range atOnce {
		go func() {
			var err error
			for i := k; i < n && err == nil; i += atOnce {
				err = f(i)
			}
			errs <- err
		}()
	}
	var all []error
	for range atOnce {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// buckets checks the buckets of a pool: none is over its cap, and the caps sum to the limit.
func (c *scene) buckets(slots int64) {
	c.t.Helper()
	found, err := find[bucket](c.t.Context(), c.s.pools, with("license", string(c.license)))
	if err != nil {
		c.t.Fatal(err)
	}
	var caps int64
	for _, b := range found {
		caps += capacity(b.N, slots)
		if int64(len(b.Seats)) > capacity(b.N, slots) || b.Used != int64(len(b.Seats)) {
			c.t.Errorf("bucket %d holds %d, says %d, may hold %d", b.N, len(b.Seats), b.Used, capacity(b.N, slots))
		}
	}
	if caps != slots {
		c.t.Errorf("%d buckets for %d seats hold %d", len(found), slots, caps)
	}
}
