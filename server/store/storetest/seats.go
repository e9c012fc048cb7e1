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
func seats(t *testing.T, w *world) {
	var all []*installation
	for n := range 5 {
		i := w.installation(fmt.Sprint(n))
		holds(t, i.does(t, activated, reserves("modeling", 4)), []string{"modeling"}[:min(1, max(0, 4-n))]...)
		all = append(all, i)
	}
	l := all[4].does(t, reserves("modeling", 4), reserves("rendering", licensing.Unlimited))
	holds(t, l, "rendering") // one that is denied does not keep the other
	equal(t, l.Denied, []lease.Denial{{Slot: lease.Slot{Entitlement: "modeling", Context: "ui"}, Code: license.CodeNoSlots}})
	holds(t, all[0].does(t, reserves("modeling", 4)), "modeling") // held already: no second slot
	all[0].does(t, drops("modeling"))
	holds(t, all[4].does(t, reserves("modeling", 4)), "rendering", "modeling")
	listing, err := w.Reservations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	equal(t, len(listing.Items), 5)
}

// proves L21
func lapse(t *testing.T, w *world) {
	a, b, c := w.installation("a"), w.installation("b"), w.installation("c")
	a.does(t, activated, reserves("modeling", 2))              // until noon+100
	b.does(t, activated, at(noon+50), reserves("modeling", 2)) // until noon+150
	holds(t, c.does(t, activated, at(noon+99), reserves("modeling", 2)))
	holds(t, c.does(t, at(noon+100), reserves("modeling", 2)), "modeling")
	holds(t, a.does(t, at(noon+101), reserves("modeling", 2))) // too late, and nothing is free
	holds(t, b.does(t, at(noon+149)), "modeling")
	holds(t, c.does(t, at(noon+200))) // lapsed for its holder too, taken or not
	holds(t, a.does(t, at(noon+200), reserves("modeling", 2)), "modeling")
}

func renewal(t *testing.T, w *world) {
	a := w.installation("a")
	a.does(t, activated, reserves("modeling", 1))
	for n := range 5 {
		l := a.does(t, at(noon+90*lease.Time(n+1)))
		holds(t, l, "modeling")
		equal(t, l.Reservations[0].Until, noon+90*lease.Time(n+1)+100)
	}
	listing, err := w.Reservations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	equal(t, listing.Items, []licensing.Reservation{{ActivationKey: a.key, Entitlement: "modeling", Context: "ui", Since: noon, Until: noon + 550}})
	holds(t, w.installation("b").does(t, activated, at(noon+549), reserves("modeling", 1)))
	l := a.does(t, at(noon+549), borrows("modeling", 0, noon+800)) // the number is for who has none
	holds(t, l, "modeling")
	equal(t, l.Reservations[0].Until, noon+800)
}

// proves L15
func dropTwice(t *testing.T, w *world) {
	a, b := w.installation("a"), w.installation("b")
	a.does(t, activated, reserves("modeling", 2))
	b.does(t, activated, reserves("modeling", 2))
	a.does(t, drops("modeling"))
	a.does(t, drops("modeling"), drops("never held"))
	holds(t, w.installation("c").does(t, activated, reserves("modeling", 2)), "modeling")
	holds(t, a.does(t, reserves("modeling", 2))) // two are held, not one
	holds(t, b.does(t, drops("modeling"), reserves("modeling", 2)), "modeling")
}

// proves U11
func freed(t *testing.T, w *world) {
	a := w.installation("a")
	a.does(t, activated, reserves("modeling", 1), reserves("rendering", 1))
	must(t, w.FreeReservation(ctx, w.org, a.key, "modeling", noon))
	must(t, w.FreeReservation(ctx, w.org, a.key, "modeling", noon))
	holds(t, a.does(t), "rendering")
	holds(t, w.installation("b").does(t, activated, reserves("modeling", 1)), "modeling")
	holds(t, w.installation("c").does(t, activated, reserves("modeling", 1)))
	wantErr(t, w.FreeReservation(ctx, w.org, w.installation("d").key, "modeling", noon), licensing.ErrNotFound)
}

func noSlots(t *testing.T, w *world) {
	l := w.installation("a").does(t, activated, reserves("modeling", 0))
	holds(t, l)
	equal(t, len(l.Denied), 1)
}

func deniedActivation(t *testing.T, w *world) {
	w.installation("a").does(t, activate(1, 1000, 0))
	_, err := w.installation("b").try(activate(1, 1000, 0), reserves("modeling", 1), counted(7, 10))
	if !isCode(license.CodeActivationLimit)(err) {
		t.Fatal(err)
	}
	l := w.installation("c").does(t, activated, reserves("modeling", 1))
	holds(t, l, "modeling")
	equal(t, l.Counters.Used, int64(0))
}

// proves S27
func activationsAtOnce(t *testing.T, w *world) {
	if n := atOnce(t, func(n int) error {
		_, err := w.installation(fmt.Sprint("window ", n)).try(activate(1, 1000, 0))
		return err
	}, isCode(license.CodeActivationLimit)); n != 1 {
		t.Errorf("%d activations against a limit of 1", n)
	}
	if n := atOnce(t, func(n int) error {
		_, err := w.installation(fmt.Sprint("machine ", n)).try(at(noon+2000), activate(1000, 1000, 8))
		return err
	}, isCode(license.CodeMachineLimit)); n != 7 {
		t.Errorf("%d machines beside one, against a limit of 8", n)
	}
}

// proves S27
func reportsAtOnce(t *testing.T, w *world) {
	const each = 10
	const allowance = 2*many*each - 100
	all := make([]*installation, many)
	for n := range all {
		all[n] = w.installation(fmt.Sprint(n))
		all[n].does(t, activated)
	}
	never := func(error) bool { return false }
	sums := make([]int64, many)
	for round := int64(1); round <= 2; round++ {
		atOnce(t, func(n int) error {
			l, err := all[n].try(counted(round*each, allowance))
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
	equal(t, sum, int64(allowance))
	w.used(t, allowance)
}

// seatsAtOnce takes and gives back, side by side; the pool is never overdrawn and in the end as full as the records say. proves S27
func seatsAtOnce(t *testing.T, w *world) {
	const slots, rounds = 5, 6
	all := make([]*installation, many)
	for n := range all {
		all[n] = w.installation(fmt.Sprint(n))
		all[n].does(t, activated)
	}
	atOnce(t, func(n int) error {
		for range rounds {
			l, err := all[n].try(reserves("modeling", slots))
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
				if _, err := all[n].try(drops("modeling")); err != nil {
					return err
				}
			}
		}
		return nil
	}, func(error) bool { return false })
	free := 0
	for _, i := range all {
		free += len(i.does(t, reserves("modeling", slots)).Reservations)
	}
	equal(t, free, slots)
}

// sameRequestAtOnce: one request, many times at once, is one.
func sameRequestAtOnce(t *testing.T, w *world) {
	i := w.installation("a")
	a := i.step(activate(1, 1000, 1), counted(3, 10), reserves("modeling", 1))
	if n := atOnce(t, func(int) error { _, err := w.Advance(ctx, a); return err }, func(error) bool { return false }); n != many {
		t.Errorf("%d of %d were answered", n, many)
	}
	i.head = a.To
	// Different requests for one place: one wins.
	steps := make([]licensing.Advance, many)
	for n := range steps {
		steps[n] = i.step(counted(3+int64(n), 1000))
	}
	if n := atOnce(t, func(n int) error { _, err := w.Advance(ctx, steps[n]); return err }, func(err error) bool { return errors.Is(err, licensing.ErrStale) }); n != 1 {
		t.Errorf("%d requests in one place", n)
	}
}

// An entitlement without a limit is given one. Who holds a slot keeps it, and nobody is given one while as many are held as there are. A slot
// that has lapsed is none that is held.
//
// proves L09
func loweredLimit(t *testing.T, w *world) {
	const held, slots = 10, 3
	var holders []*installation
	for n := range held {
		i := w.installation(fmt.Sprint("holder ", n))
		i.does(t, activated, reserves("rendering", licensing.Unlimited))
		holders = append(holders, i)
	}
	l := w.license
	l.Entitlements = []license.Entitlement{{Name: "rendering", Slots: slots}}
	l, err := w.UpdateLicense(ctx, l)
	must(t, err)
	w.license = l
	asks := func(name string, now lease.Time) bool {
		return len(w.installation(name).does(t, activated, at(now), reserves("rendering", slots)).Reservations) == 1
	}
	equal(t, asks("one", noon), false)
	for n, i := range holders[slots-1:] {
		equal(t, asks(fmt.Sprint("while ", n), noon), false)
		i.does(t, drops("rendering"))
	}
	equal(t, asks("two", noon), true)
	equal(t, asks("three", noon), false)
	for _, i := range holders[:slots-1] {
		holds(t, i.does(t, at(noon+50)), "rendering") // until noon + 150
	}
	equal(t, asks("four", noon+120), true) // that of two has lapsed
	equal(t, asks("five", noon+120), false)
	for n := range slots - 1 {
		equal(t, asks(fmt.Sprint("at last ", n), noon+200), true)
	}
	equal(t, asks("too many", noon+200), false)
}
