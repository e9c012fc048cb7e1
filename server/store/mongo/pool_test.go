//go:build mongo

package mongo

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A pool of several buckets is as exact as one: it is filled to the last seat and not beyond, whichever bucket a request tries first, and
// lapsed seats are found anywhere in it. proves S27
func TestSeatLimitAcrossBuckets(t *testing.T) {
	const slots = 2*bucketSize + 40
	c := newScene(t, newDatabase(t))
	other := openStore(t, c.uri)
	asks := func(now lease.Time, from, to int) int {
		granted := make([]int, to-from)
		if err := inParallel(to-from, func(i int) error {
			node := []*Store{c.s, other}[i%2]
			a := c.advance(fmt.Sprint(from+i), fmt.Sprint("asks ", from+i, now), func(a *licensing.Advance) {
				a.NewActivation = &licensing.ActivationLimits{Limit: 1 << 30, Window: 1, MaxMachines: licensing.Unlimited,
					TransferLimit: licensing.Unlimited}
				a.Now, a.Until = now, now+1000
				a.Reserve = []licensing.ReservationRequest{{Slot: lease.Slot{Entitlement: "seat", Context: "ui"}, Slots: slots, Until: a.Until}}
			})
			a.Lease = func(o licensing.Outcome) (lease.Document, error) {
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
	c.checkBuckets(slots)
	raw, err := findOne[bson.Raw](t.Context(), c.s.meters, newDoc("_id", string(c.license)))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := decodeMeter(raw); err != nil || len(m.Traces) > 100 {
		t.Errorf("the meter has traces of %d of %d requests: %v", len(m.Traces), slots+80, err)
	}
}

// Seats that are granted without a free slot fill the free ones and overdraw the pool. No activation that needs a free slot is given one in
// addition, and when they are released the pool is as before.
func TestOverdrawnPoolAcrossBuckets(t *testing.T) {
	const slots, more = bucketSize + 40, 30
	c := newScene(t, newDatabase(t))
	c.setSlots("seat", slots)
	ask := func(n int, slots int64) (granted bool) {
		t.Helper()
		a := c.advance(fmt.Sprint(n), fmt.Sprint(n, slots), reservesOf(slots, 5000, "seat"), func(a *licensing.Advance) {
			if a.NewActivation != nil {
				a.NewActivation = &licensing.ActivationLimits{Limit: 1 << 30, Window: 1, MaxMachines: licensing.Unlimited,
					TransferLimit: licensing.Unlimited}
			}
		})
		a.Lease = func(o licensing.Outcome) (lease.Document, error) {
			granted = len(o.Reservations) == 1
			return lease.Document("{}"), nil
		}
		if _, err := c.s.Advance(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		return granted
	}
	for n := range slots + more {
		if free := n < slots; n%5 != 0 && ask(n, slots) != free {
			t.Fatalf("seat %d of %d: granted %t", n+1, slots, !free)
		} else if n%5 == 0 && !ask(n, licensing.Unlimited) {
			t.Fatalf("number %d was not granted without a free slot", n)
		}
	}
	held := c.countSeats()
	if held != slots+more/5 {
		t.Fatalf("%d seats are held", held)
	}
	for n := range slots + more {
		c.mustAdvance(fmt.Sprint(n), fmt.Sprint(n, " drops"), releases("seat"))
	}
	if held := c.countSeats(); held != 0 {
		t.Fatalf("%d seats are held when all were released", held)
	}
	for n := range slots + more {
		if ask(n, slots) != (n < slots) {
			t.Fatalf("seat %d of %d", n+1, slots)
		}
	}
	c.checkBuckets(slots)
	c.checkSums()
}

// One bucket is overdrawn beside one with room: a seat that is released in the other can be granted, so all together hold more than the
// limit as long as those keep their seats who were granted them without a free slot. It is never more than there are of them, and those who
// need a free slot never hold more than the limit (docs/mongodb.md).
func TestOverdraftIsBounded(t *testing.T) {
	const slots, healed, freed = 2 * bucketSize, 3, 10
	c := newScene(t, newDatabase(t))
	c.setSlots("seat", slots)
	other := func(n, i int) string { return string(lease.HashOf(fmt.Append(nil, "other ", n, i))) }
	for n := range int64(2) {
		b := newBucket(string(c.license), "seat", n)
		for i := range bucketSize {
			b.Seats[other(int(n), i)] = seatHolder{Token: "m", Until: maxDate}
		}
		if err := c.s.insert(t.Context(), c.s.pools, b.newDocument(1)); err != nil {
			t.Fatal(err)
		}
	}
	// The preferred bucket of these installations is the first; what is released is in the second.
	var names []string
	for n := 0; len(names) < healed; n++ {
		if name := fmt.Sprint("healed ", n); preferredBucket(string(lease.HashOf([]byte(name))), 2) == 0 {
			names = append(names, name)
		}
	}
	unbounded := func(a *licensing.Advance) {
		if a.NewActivation != nil {
			a.NewActivation = &licensing.ActivationLimits{Limit: 1 << 30, Window: 1, MaxMachines: licensing.Unlimited,
				TransferLimit: licensing.Unlimited}
		}
	}
	for _, name := range names {
		c.mustAdvance(name, name, reservesOf(licensing.Unlimited, 5000, "seat"), unbounded)
	}
	if held := c.countSeats(); held != slots+healed {
		t.Fatalf("%d seats are held", held)
	}
	for i := range freed {
		if err := c.s.releaseSeat(t.Context(), bucketID(poolID(string(c.license), "seat"), 1), other(1, i), "m"); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 * freed {
		c.mustAdvance(fmt.Sprint("asks ", n), "asks", reservesOf(slots, 5000, "seat"), unbounded)
	}
	if held := c.countSeats(); held != slots+healed {
		t.Errorf("%d of %d seats are held, %d of them granted without a free slot", held, slots, healed)
	}
	for _, name := range names {
		c.mustAdvance(name, name+" drops", releases("seat"))
	}
	c.mustAdvance("late", "asks", reservesOf(slots, 5000, "seat"), unbounded)
	if held := c.countSeats(); held != slots {
		t.Errorf("%d of %d seats are held when none was granted without a free slot", held, slots)
	}
	c.checkBuckets(slots)
}

// A pool of several buckets gets fewer slots. Wherever the seats beyond them are, none is granted until all together are below the new
// limit, and then as many as it allows.
func TestReducedPool(t *testing.T) {
	const was, freed = 2*bucketSize + 40, 5
	for _, slots := range []int{2*bucketSize + 10, 2 * bucketSize, bucketSize + 3, 40} {
		c := newScene(t, newDatabase(t))
		c.setSlots("seat", was)
		type other struct{ bucket, key string }
		var others []other
		for n := range bucketCount(was) {
			b := newBucket(string(c.license), "seat", n)
			for i := range bucketCapacity(n, was) {
				key := string(lease.HashOf(fmt.Append(nil, "other ", n, i)))
				b.Seats[key] = seatHolder{Token: "m", Until: maxDate}
				others = append(others, other{b.ID, key})
			}
			if err := c.s.insert(t.Context(), c.s.pools, b.newDocument(1)); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortFunc(others, func(a, b other) int { return cmp.Compare(a.key, b.key) }) // in an order that no bucket has
		leaves := func() {
			t.Helper()
			if err := c.s.releaseSeat(t.Context(), others[0].bucket, others[0].key, "m"); err != nil {
				t.Fatal(err)
			}
			others = others[1:]
		}
		l, err := c.s.License(t.Context(), "org", c.license)
		if err != nil {
			t.Fatal(err)
		}
		l.Entitlements = []license.Entitlement{{Name: "seat", Slots: slots}}
		if l, err = c.s.UpdateLicense(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		asked := 0
		given := func() bool {
			asked++
			name, before := fmt.Sprint("asks ", asked), c.countSeats()
			c.mustAdvance(name, name, reservesOf(int64(slots), 5000, "seat"), func(a *licensing.Advance) {
				a.Revision, a.NewActivation = l.Revision, &licensing.ActivationLimits{Limit: 1 << 30, Window: 1, MaxMachines: licensing.Unlimited,
					TransferLimit: licensing.Unlimited}
			})
			return c.countSeats() > before
		}
		for len(others) > slots {
			if len(others)%20 == 0 && given() {
				t.Fatalf("from %d to %d slots: granted while %d are held", was, slots, c.countSeats()-1)
			}
			leaves()
		}
		if given() {
			t.Errorf("from %d to %d slots: granted while as many are held", was, slots)
		}
		for range freed {
			leaves()
		}
		sum := 0
		for range 2 * freed {
			if given() {
				sum++
			}
		}
		if sum != freed {
			t.Errorf("from %d to %d slots: %d of %d free seats were granted, %d are held", was, slots, sum, freed, c.countSeats())
		}
	}
}

// An installation that comes back late to an overdrawn pool has no better claim to a seat than others, and neither has one that releases
// its seat.
func TestOverdrawnPoolDeniesReturningSeat(t *testing.T) {
	c := newScene(t, newDatabase(t))
	c.setSlots("seat", 1)
	c.mustAdvance("a", "a", reservesOf(1, 1500, "seat"))
	c.mustAdvance("b", "b", reservesOf(licensing.Unlimited, 3000, "seat"))
	a := c.advance("a", "again", reservesOf(1, 3000, "seat"), releases("seat"))
	if _, err := c.s.Advance(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if held := c.countSeats(); held != 1 {
		t.Fatalf("%d hold a seat that was released while another held the only one", held)
	}
	c.mustAdvance("a", "has one", reservesOf(licensing.Unlimited, 1500, "seat"))
	c.mustAdvance("a", "late", reservesOf(1, 3000, "seat"), func(a *licensing.Advance) { a.Now = 1600 })
	if held := c.countSeats(); held != 1 {
		t.Fatalf("%d hold the one seat", held)
	}
	c.checkSums()
}

// A seat that recovery after a rollback gives back may be requested in the same request too: it is one seat, until the later deadline.
func TestTwoRequestsForOneEntitlement(t *testing.T) {
	c := newScene(t, newDatabase(t))
	c.setSlots("seat", 1)
	c.mustAdvance("b", "b", reserves("seat"))
	c.mustAdvance("a", "a", reservesOf(licensing.Unlimited, 1500, "seat"), reservesOf(1, 9000, "seat"))
	d, err := findOne[activation](t.Context(), c.s.activations, newDoc("_id", activationID(c.key("a"))))
	if err != nil || len(d.Seats) != 1 || d.Seats[0].Until != 9000 {
		t.Errorf("it holds %+v: %v", d.Seats, err)
	}
	c.checkSums()
}

// A bucket states when a seat lapses at the earliest, which is too early after renewals. A lapsed seat is found all the same, however many
// buckets are searched in vain; each bucket is searched in vain only once.
func TestLapsedSeatIsFoundAmongRenewed(t *testing.T) {
	const of, last = 40, 39
	c := newScene(t, newDatabase(t))
	var all []any
	for n := range int64(of) {
		b := newBucket(string(c.license), "seat", n)
		for i := range bucketSize {
			b.Seats[string(lease.HashOf(fmt.Append(nil, "other ", n, i)))] = seatHolder{Token: "m", Until: 5000}
		}
		if n == last {
			b.Seats[string(lease.HashOf(fmt.Append(nil, "other ", n, 0)))] = seatHolder{Token: "m", Until: 1500}
		}
		b.newDocument(1)
		b.NextExpiry = 1400
		all = append(all, b)
	}
	if _, err := c.s.pools.InsertMany(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	asks := func(name string) int {
		c.mustAdvance(name, name, reservesOf(of*bucketSize, 5000, "seat"), func(a *licensing.Advance) { a.Now = 2000 })
		d, err := findOne[activation](t.Context(), c.s.activations, newDoc("_id", activationID(c.key(name))))
		if err != nil {
			t.Fatal(err)
		}
		return len(d.Seats)
	}
	if asks("a") != 1 {
		t.Error("the one seat that has lapsed was not found")
	}
	if asks("b") != 0 {
		t.Error("a seat was granted although none had lapsed")
	}
	early, err := findAll[bucket](t.Context(), c.s.pools, newDoc("license", string(c.license), "next", newDoc("$lte", date(2000))))
	if err != nil || len(early) != 0 {
		t.Errorf("%d buckets still say that a seat may have lapsed: %v", len(early), err)
	}
	c.checkBuckets(of * bucketSize)
}

// No document grows without bound, however much a pool is overdrawn.
func TestOverdrawnBucketSizeIsBounded(t *testing.T) {
	c := newScene(t, newDatabase(t))
	c.setSlots("seat", 1)
	b := newBucket(string(c.license), "seat", 0)
	for n := range maxOverCapacity {
		b.Seats[string(lease.HashOf(fmt.Append(nil, "other ", n)))] = seatHolder{Token: "m", Until: maxDate}
	}
	if err := c.s.insert(t.Context(), c.s.pools, b.newDocument(1)); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		c.mustAdvance(fmt.Sprint(n), "asks", reservesOf(1, 2000, "seat"))
		c.mustAdvance(fmt.Sprint(n), "asks more", reservesOf(licensing.Unlimited, 2000, "seat"))
	}
	if held := c.countSeats(); held != maxOverCapacity+3 {
		t.Errorf("%d seats are held", held)
	}
	first, err := findOne[bucket](t.Context(), c.s.pools, newDoc("_id", b.ID))
	if err != nil || len(first.Seats) != maxOverCapacity {
		t.Errorf("the bucket holds %d: %v", len(first.Seats), err)
	}
}

// setSlots sets the number of slots that the license has of an entitlement.
func (c *scene) setSlots(name string, slots int64) {
	c.t.Helper()
	met, err := c.s.updateOne(c.t.Context(), c.s.licenses, byID(string(c.license)),
		newDoc("$set", newDoc("entitlements", []entitlement{{name, slots}})))
	if err != nil || !met {
		c.t.Fatal(met, err)
	}
}

// countSeats returns the number of seats in the license's pools.
func (c *scene) countSeats() (sum int) {
	c.t.Helper()
	found, err := findAll[bucket](c.t.Context(), c.s.pools, newDoc("license", string(c.license)))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, b := range found {
		sum += len(b.Seats)
	}
	return sum
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

// checkBuckets checks the buckets of a pool: none is over its capacity, and the capacities add up to the limit.
func (c *scene) checkBuckets(slots int64) {
	c.t.Helper()
	found, err := findAll[bucket](c.t.Context(), c.s.pools, newDoc("license", string(c.license)))
	if err != nil {
		c.t.Fatal(err)
	}
	var caps int64
	for _, b := range found {
		caps += bucketCapacity(b.N, slots)
		if int64(len(b.Seats)) > bucketCapacity(b.N, slots) || b.Used != int64(len(b.Seats)) {
			c.t.Errorf("bucket %d holds %d, says %d, may hold %d", b.N, len(b.Seats), b.Used, bucketCapacity(b.N, slots))
		}
	}
	if caps != slots {
		c.t.Errorf("%d buckets for %d seats hold %d", len(found), slots, caps)
	}
}
