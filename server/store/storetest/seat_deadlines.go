package storetest

import (
	"fmt"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// checkDeadlines checks the deadlines of the seats, in the lease and as stored.
func checkDeadlines(t *testing.T, i *installation, l *lease.Lease, want map[string]lease.Time) {
	t.Helper()
	told, stored := map[string]lease.Time{}, map[string]lease.Time{}
	for _, r := range l.Reservations {
		told[r.Entitlement] = r.Until
	}
	listing, err := i.w.Reservations(ctx, i.w.org, i.key.License, licensing.Page{Limit: 200})
	must(t, err)
	for _, r := range listing.Items {
		if r.ActivationKey == i.key {
			stored[r.Entitlement] = r.Until
		}
	}
	requireDeepEqual(t, told, want)
	requireDeepEqual(t, stored, want)
}

func seatDeadlines(t *testing.T, w *fixture) {
	a := w.installation("a")
	l := a.mustAdvance(t, activated, borrows("modeling", 5, noon+30), reserves("plotting", 5),
		borrows("rendering", licensing.Unlimited, noon+5000))
	checkDeadlines(t, a, l, map[string]lease.Time{"modeling": noon + 30, "plotting": noon + 100, "rendering": noon + 5000})
	l = a.mustAdvance(t, at(noon+29))
	checkDeadlines(t, a, l, map[string]lease.Time{"modeling": noon + 129, "plotting": noon + 129, "rendering": noon + 5000})
	l = a.mustAdvance(t, at(noon+129)) // each lapses by itself
	checkDeadlines(t, a, l, map[string]lease.Time{"rendering": noon + 5000})
}

func borrowedSeats(t *testing.T, w *fixture) {
	a, b := w.installation("a"), w.installation("b")
	checkDeadlines(t, a, a.mustAdvance(t, activated, borrows("modeling", 1, noon+10_000)), map[string]lease.Time{"modeling": noon + 10_000})
	checkDeadlines(t, a, a.mustAdvance(t, at(noon+50)), map[string]lease.Time{"modeling": noon + 10_000}) // no renewal shortens it
	checkSeats(t, b.mustAdvance(t, activated, at(noon+9_000), reserves("modeling", 1)))
	checkDeadlines(t, a, a.mustAdvance(t, at(noon+9_950)), map[string]lease.Time{"modeling": noon + 10_050}) // then it is like any other
	checkSeats(t, b.mustAdvance(t, at(noon+10_049), reserves("modeling", 1)))
	checkSeats(t, b.mustAdvance(t, at(noon+10_050), reserves("modeling", 1)), "modeling")
	checkSeats(t, a.mustAdvance(t, at(noon+10_051)))

	c, d := w.installation("c"), w.installation("d")
	c.mustAdvance(t, activated, borrows("rendering", 1, noon+1<<40))
	checkSeats(t, c.mustAdvance(t, releases("rendering"))) // returned early
	checkSeats(t, d.mustAdvance(t, activated, borrows("rendering", 1, noon+1<<40)), "rendering")
	d.mustAdvance(t, goodbyes)
	checkSeats(t, c.mustAdvance(t, reserves("rendering", 1)), "rendering")
}

func repeatedRequestExtends(t *testing.T, w *fixture) {
	a, b := w.installation("a"), w.installation("b")
	a.mustAdvance(t, activated, reserves("modeling", 1), reserves("rendering", 2))
	elsewhere := func(a *licensing.Advance) {
		for n := range a.Reserve {
			a.Reserve[n].Context = "automation"
		}
	}
	l := a.mustAdvance(t, at(noon+10), borrows("modeling", 1, noon+5000), elsewhere)
	requireDeepEqual(t, len(l.Denied), 0)
	checkDeadlines(t, a, l, map[string]lease.Time{"modeling": noon + 5000, "rendering": noon + 110})
	l = a.mustAdvance(t, at(noon+20), borrows("modeling", 1, noon+4000), elsewhere) // nothing is taken back
	checkDeadlines(t, a, l, map[string]lease.Time{"modeling": noon + 5000, "rendering": noon + 120})
	l = a.mustAdvance(t, at(noon+30), borrows("modeling", 0, noon+6000), elsewhere) // no slot is needed for it
	checkDeadlines(t, a, l, map[string]lease.Time{"modeling": noon + 6000, "rendering": noon + 130})
	listing, err := w.Reservations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	for _, r := range listing.Items {
		if r.Context != "ui" || r.Since != noon {
			t.Errorf("it is another one: %+v", r)
		}
	}
	checkSeats(t, b.mustAdvance(t, activated, at(noon+5999), reserves("modeling", 1)))

	// Once released or lapsed, it is requested like a new one.
	l = a.mustAdvance(t, at(noon+5999), releases("modeling"), borrows("modeling", 1, noon+6050), elsewhere)
	checkDeadlines(t, a, l, map[string]lease.Time{"modeling": noon + 6050})
	a.mustAdvance(t, at(noon+6050), reserves("modeling", 1), elsewhere)
	listing, err = w.Reservations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	requireDeepEqual(t, listing.Items, []licensing.Reservation{{ActivationKey: a.key, Entitlement: "modeling", Context: "automation",
		Since: noon + 6050, Until: noon + 6150}})
}

// unlimitedSeats: a seat that is granted without a free slot takes one from the others.
func unlimitedSeats(t *testing.T, w *fixture) {
	a, b, c := w.installation("a"), w.installation("b"), w.installation("c")
	a.mustAdvance(t, activated, reserves("modeling", 1))
	checkSeats(t, b.mustAdvance(t, activated, reserves("modeling", licensing.Unlimited)), "modeling")
	checkSeats(t, c.mustAdvance(t, activated, reserves("modeling", 1)))
	checkSeats(t, c.mustAdvance(t, reserves("modeling", 2)))
	a.mustAdvance(t, releases("modeling"))
	checkSeats(t, c.mustAdvance(t, reserves("modeling", 1))) // b still holds it
	b.mustAdvance(t, releases("modeling"))
	checkSeats(t, c.mustAdvance(t, reserves("modeling", 1)), "modeling")
	checkSeats(t, a.mustAdvance(t, reserves("modeling", 1)))
}

// overdrawnPool: a pool with more seats than slots is empty when all of them have lapsed.
func overdrawnPool(t *testing.T, w *fixture) {
	for n := range 3 * concurrency {
		w.installation(fmt.Sprint(n)).mustAdvance(t, activated, reserves("modeling", licensing.Unlimited))
	}
	a, b := w.installation("a"), w.installation("b")
	a.mustAdvance(t, activated)
	b.mustAdvance(t, activated)
	checkSeats(t, a.mustAdvance(t, at(noon+99), reserves("modeling", 1)))
	checkSeats(t, a.mustAdvance(t, at(noon+100), reserves("modeling", 1)), "modeling")
	checkSeats(t, b.mustAdvance(t, at(noon+100), reserves("modeling", 1)))
	checkSeats(t, b.mustAdvance(t, at(noon+100), reserves("modeling", 2)), "modeling")
}

// concurrentUnlimitedSeats: beside seats that need a free slot; in the end the pool is as full as the records state.
func concurrentUnlimitedSeats(t *testing.T, w *fixture) {
	const slots, rounds = 5, 4
	all := make([]*installation, concurrency)
	for n := range all {
		all[n] = w.installation(fmt.Sprint(n))
		all[n].mustAdvance(t, activated)
	}
	runConcurrently(t, func(n int) error {
		for range rounds {
			of := int64(slots)
			if n%4 == 0 {
				of = licensing.Unlimited
			}
			l, err := all[n].tryAdvance(reserves("modeling", of))
			if err != nil {
				return err
			}
			if of == licensing.Unlimited && len(l.Reservations) != 1 {
				return fmt.Errorf("denied: %+v", l.Denied)
			}
			if _, err := all[n].tryAdvance(releases("modeling")); err != nil {
				return err
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
