package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// proves L09, L21
func seatLimit(t *testing.T, w *fixture) {
	var all []*installation
	for n := range 5 {
		i := w.installation(fmt.Sprint(n))
		checkSeats(t, i.mustAdvance(t, activated, reserves("modeling", 4)), []string{"modeling"}[:min(1, max(0, 4-n))]...)
		all = append(all, i)
	}
	l := all[4].mustAdvance(t, reserves("modeling", 4), reserves("rendering", licensing.Unlimited))
	checkSeats(t, l, "rendering") // one that is denied does not prevent the other
	requireDeepEqual(t, l.Denied, []lease.Denial{{Slot: lease.Slot{Entitlement: "modeling", Context: "ui"}, Code: license.CodeNoSlots}})
	checkSeats(t, all[0].mustAdvance(t, reserves("modeling", 4)), "modeling") // held already: no second slot
	all[0].mustAdvance(t, releases("modeling"))
	checkSeats(t, all[4].mustAdvance(t, reserves("modeling", 4)), "rendering", "modeling")
	listing, err := w.Reservations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	requireDeepEqual(t, len(listing.Items), 5)
}

// proves L21
func seatsLapse(t *testing.T, w *fixture) {
	a, b, c := w.installation("a"), w.installation("b"), w.installation("c")
	a.mustAdvance(t, activated, reserves("modeling", 2))              // until noon+100
	b.mustAdvance(t, activated, at(noon+50), reserves("modeling", 2)) // until noon+150
	checkSeats(t, c.mustAdvance(t, activated, at(noon+99), reserves("modeling", 2)))
	checkSeats(t, c.mustAdvance(t, at(noon+100), reserves("modeling", 2)), "modeling")
	checkSeats(t, a.mustAdvance(t, at(noon+101), reserves("modeling", 2))) // too late, and no slot is free
	checkSeats(t, b.mustAdvance(t, at(noon+149)), "modeling")
	checkSeats(t, c.mustAdvance(t, at(noon+200))) // lapsed for its holder too, taken or not
	checkSeats(t, a.mustAdvance(t, at(noon+200), reserves("modeling", 2)), "modeling")
}

func seatRenewal(t *testing.T, w *fixture) {
	a := w.installation("a")
	a.mustAdvance(t, activated, reserves("modeling", 1))
	for n := range 5 {
		l := a.mustAdvance(t, at(noon+90*lease.Time(n+1)))
		checkSeats(t, l, "modeling")
		requireDeepEqual(t, l.Reservations[0].Until, noon+90*lease.Time(n+1)+100)
	}
	listing, err := w.Reservations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	requireDeepEqual(t, listing.Items, []licensing.Reservation{{ActivationKey: a.key, Entitlement: "modeling", Context: "ui", Since: noon,
		Until: noon + 550}})
	checkSeats(t, w.installation("b").mustAdvance(t, activated, at(noon+549), reserves("modeling", 1)))
	l := a.mustAdvance(t, at(noon+549), borrows("modeling", 0, noon+800)) // the number of slots concerns only an activation that holds none
	checkSeats(t, l, "modeling")
	requireDeepEqual(t, l.Reservations[0].Until, noon+800)
}

// proves L15
func releaseTwice(t *testing.T, w *fixture) {
	a, b := w.installation("a"), w.installation("b")
	a.mustAdvance(t, activated, reserves("modeling", 2))
	b.mustAdvance(t, activated, reserves("modeling", 2))
	a.mustAdvance(t, releases("modeling"))
	a.mustAdvance(t, releases("modeling"), releases("never held"))
	checkSeats(t, w.installation("c").mustAdvance(t, activated, reserves("modeling", 2)), "modeling")
	checkSeats(t, a.mustAdvance(t, reserves("modeling", 2))) // two are held, not one
	checkSeats(t, b.mustAdvance(t, releases("modeling"), reserves("modeling", 2)), "modeling")
}

// proves U11
func vendorReleasesSeat(t *testing.T, w *fixture) {
	a := w.installation("a")
	a.mustAdvance(t, activated, reserves("modeling", 1), reserves("rendering", 1))
	must(t, w.FreeReservation(ctx, w.org, a.key, "modeling", noon))
	must(t, w.FreeReservation(ctx, w.org, a.key, "modeling", noon))
	checkSeats(t, a.mustAdvance(t), "rendering")
	checkSeats(t, w.installation("b").mustAdvance(t, activated, reserves("modeling", 1)), "modeling")
	checkSeats(t, w.installation("c").mustAdvance(t, activated, reserves("modeling", 1)))
	requireError(t, w.FreeReservation(ctx, w.org, w.installation("d").key, "modeling", noon), licensing.ErrNotFound)
}

func entitlementWithoutSlots(t *testing.T, w *fixture) {
	l := w.installation("a").mustAdvance(t, activated, reserves("modeling", 0))
	checkSeats(t, l)
	requireDeepEqual(t, len(l.Denied), 1)
}

func deniedActivation(t *testing.T, w *fixture) {
	w.installation("a").mustAdvance(t, activate(1, 1000, licensing.Unlimited))
	_, err := w.installation("b").tryAdvance(activate(1, 1000, licensing.Unlimited), reserves("modeling", 1), counted(7, 10))
	if !isCode(license.CodeActivationLimit)(err) {
		t.Fatal(err)
	}
	l := w.installation("c").mustAdvance(t, activated, reserves("modeling", 1))
	checkSeats(t, l, "modeling")
	requireDeepEqual(t, l.Counters.Used, int64(0))
}

// proves S27
func concurrentActivations(t *testing.T, w *fixture) {
	if n := runConcurrently(t, func(n int) error {
		_, err := w.installation(fmt.Sprint("window ", n)).tryAdvance(activate(1, 1000, licensing.Unlimited))
		return err
	}, isCode(license.CodeActivationLimit)); n != 1 {
		t.Errorf("%d activations against a limit of 1", n)
	}
	if n := runConcurrently(t, func(n int) error {
		_, err := w.installation(fmt.Sprint("machine ", n)).tryAdvance(at(noon+2000), activate(1000, 1000, 8))
		return err
	}, isCode(license.CodeMachineLimit)); n != 7 {
		t.Errorf("%d machines beside one, against a limit of 8", n)
	}
}

// proves S27
func concurrentReports(t *testing.T, w *fixture) {
	const each = 10
	const allowance = 2*concurrency*each - 100
	all := make([]*installation, concurrency)
	for n := range all {
		all[n] = w.installation(fmt.Sprint(n))
		all[n].mustAdvance(t, activated)
	}
	never := func(error) bool { return false }
	sums := make([]int64, concurrency)
	for round := int64(1); round <= 2; round++ {
		runConcurrently(t, func(n int) error {
			l, err := all[n].tryAdvance(counted(round*each, allowance))
			if err == nil {
				sums[n] = l.Counters.Counted
			}
			return err
		}, never)
	}
	var sum int64
	for _, n := range sums {
		sum += n
	}
	requireDeepEqual(t, sum, int64(allowance))
	w.checkUsed(t, allowance)
}

// concurrentSeats: many take and release seats at the same time; the pool is never overdrawn, and in the end as full as the records state.
// proves S27
func concurrentSeats(t *testing.T, w *fixture) {
	const slots, rounds = 5, 6
	all := make([]*installation, concurrency)
	for n := range all {
		all[n] = w.installation(fmt.Sprint(n))
		all[n].mustAdvance(t, activated)
	}
	runConcurrently(t, func(n int) error {
		for range rounds {
			l, err := all[n].tryAdvance(reserves("modeling", slots))
			if err != nil {
				return err
			}
			held, err := w.Reservations(ctx, w.org, w.license.ID, licensing.Page{Limit: 200})
			if err != nil {
				return err
			}
			if len(held.Items) > slots {
				return fmt.Errorf("%d of %d slots are held", len(held.Items), slots)
			}
			if len(l.Reservations) == 1 {
				if _, err := all[n].tryAdvance(releases("modeling")); err != nil {
					return err
				}
			}
		}
		return nil
	}, func(error) bool { return false })
	free := 0
	for _, i := range all {
		free += len(i.mustAdvance(t, reserves("modeling", slots)).Reservations)
	}
	requireDeepEqual(t, free, slots)
}

// concurrentSameRequest: one request, sent many times at the same time, counts once.
func concurrentSameRequest(t *testing.T, w *fixture) {
	i := w.installation("a")
	a := i.nextAdvance(activate(1, 1000, 1), counted(3, 10), reserves("modeling", 1))
	if n := runConcurrently(t, func(int) error { _, err := w.Advance(ctx, a); return err },
		func(error) bool { return false }); n != concurrency {
		t.Errorf("%d of %d were answered", n, concurrency)
	}
	i.head = a.To
	// Different requests from one position: one succeeds.
	steps := make([]licensing.Advance, concurrency)
	for n := range steps {
		steps[n] = i.nextAdvance(counted(3+int64(n), 1000))
	}
	if n := runConcurrently(t, func(n int) error { _, err := w.Advance(ctx, steps[n]); return err },
		func(err error) bool { return errors.Is(err, licensing.ErrStale) }); n != 1 {
		t.Errorf("%d requests in one place", n)
	}
}

// An entitlement without a limit gets one. Activations keep the slots that they hold, and none is granted while as many are held as the
// limit. A lapsed slot does not count as held.
//
// proves L09
func loweredLimit(t *testing.T, w *fixture) {
	const held, slots = 10, 3
	var holders []*installation
	for n := range held {
		i := w.installation(fmt.Sprint("holder ", n))
		i.mustAdvance(t, activated, reserves("rendering", licensing.Unlimited))
		holders = append(holders, i)
	}
	l := w.license
	l.Entitlements = []license.Entitlement{{Name: "rendering", Slots: slots}}
	l, err := w.UpdateLicense(ctx, l)
	must(t, err)
	w.license = l
	asks := func(name string, now lease.Time) bool {
		return len(w.installation(name).mustAdvance(t, activated, at(now), reserves("rendering", slots)).Reservations) == 1
	}
	requireDeepEqual(t, asks("one", noon), false)
	for n, i := range holders[slots-1:] {
		requireDeepEqual(t, asks(fmt.Sprint("while ", n), noon), false)
		i.mustAdvance(t, releases("rendering"))
	}
	requireDeepEqual(t, asks("two", noon), true)
	requireDeepEqual(t, asks("three", noon), false)
	for _, i := range holders[:slots-1] {
		checkSeats(t, i.mustAdvance(t, at(noon+50)), "rendering") // until noon + 150
	}
	requireDeepEqual(t, asks("four", noon+120), true) // the seat of two has lapsed
	requireDeepEqual(t, asks("five", noon+120), false)
	for n := range slots - 1 {
		requireDeepEqual(t, asks(fmt.Sprint("at last ", n), noon+200), true)
	}
	requireDeepEqual(t, asks("too many", noon+200), false)
}
