package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// inPeriod charges in the period that begins at this time.
func inPeriod(from lease.Time, counted, allowance int64) func(*licensing.Advance) {
	return charged(licensing.UsageCharge{Counted: counted, Allowance: allowance, Period: from})
}

func (w *fixture) meter(t *testing.T) licensing.Meter {
	t.Helper()
	m, err := w.Meter(ctx, w.license.ID)
	must(t, err)
	return m
}

func periods(t *testing.T, w *fixture) {
	a, b := w.installation("a"), w.installation("b")
	const first, second, fifth = noon, noon + 1000, noon + 4000
	a.mustAdvance(t, activated, inPeriod(first, 6, 10))
	b.mustAdvance(t, activated, inPeriod(first, 6, 10)) // capped at what is left
	w.checkUsed(t, 10)
	requireDeepEqual(t, w.meter(t).UsedBeforePeriod, int64(0))

	l := b.mustAdvance(t, inPeriod(second, 4, 10)) // a new one: nothing is used of it yet
	requireDeepEqual(t, l.Counters.Used, int64(10))
	b.mustAdvance(t, inPeriod(second, 9, 10))
	l = a.mustAdvance(t, inPeriod(second, 20, 10)) // 5 of 10 are left
	requireDeepEqual(t, l.Counters, lease.Counters{Used: 20, Counted: 11, Granted: 11})
	l = b.mustAdvance(t, inPeriod(second, 10, 20)) // until the vendor raises it
	requireDeepEqual(t, l.Counters.Counted, int64(10))
	m := w.meter(t)
	requireDeepEqual(t, []any{m.Used, m.UsedBeforePeriod, m.Period, m.ClosedPeriods},
		[]any{int64(21), int64(10), second, []licensing.Period{{From: first, Used: 10}}})

	a.mustAdvance(t, inPeriod(fifth, 12, 10)) // nothing happened in between
	m = w.meter(t)
	requireDeepEqual(t, []any{m.Used, m.UsedBeforePeriod, m.Period, m.ClosedPeriods},
		[]any{int64(22), int64(21), fifth, []licensing.Period{{From: first, Used: 10}, {From: second, Used: 11}}})

	for n := range lease.Time(20) { // a meter does not grow for ever
		a.mustAdvance(t, inPeriod(fifth+1+n, 13+int64(n), 10))
	}
	m = w.meter(t)
	requireDeepEqual(t, []int64{m.Used, m.UsedBeforePeriod, int64(len(m.ClosedPeriods))}, []int64{42, 41, 12})
	requireDeepEqual(t, m.ClosedPeriods[11], licensing.Period{From: fifth + 19, Used: 1})
}

// A clock that goes back opens no earlier period, and an allowance without periods is for the whole life.
func periodsKeepTheirStart(t *testing.T, w *fixture) {
	a := w.installation("a")
	a.mustAdvance(t, activated, inPeriod(noon+1000, 5, 10))
	l := a.mustAdvance(t, inPeriod(noon, 20, 10))
	requireDeepEqual(t, l.Counters.Used, int64(10))
	requireDeepEqual(t, w.meter(t).Period, noon+1000)
	a.mustAdvance(t, inPeriod(noon+2000, 12, 10))
	l = a.mustAdvance(t, counted(50, 15)) // the vendor removed the periods
	requireDeepEqual(t, l.Counters.Used, int64(15))
	l = a.mustAdvance(t, inPeriod(noon+2000, 50, 10)) // and sets them again
	requireDeepEqual(t, l.Counters.Used, int64(20))
}

// concurrentPeriodStart: the first of many requests in a new period begins it, and no more is granted than it allows.
func concurrentPeriodStart(t *testing.T, w *fixture) {
	const allowance = concurrency + concurrency/2
	all := make([]*installation, concurrency)
	for n := range all {
		all[n] = w.installation(fmt.Sprint(n))
		all[n].mustAdvance(t, activated, inPeriod(noon, 1, 1<<40))
	}
	for round := range int64(3) {
		runConcurrently(t, func(n int) error {
			_, err := all[n].tryAdvance(inPeriod(noon+lease.Time(round+1), 1+3*(round+1), allowance))
			return err
		}, func(error) bool { return false })
		m := w.meter(t)
		requireDeepEqual(t, []int64{m.UsedBeforePeriod, m.Used}, []int64{concurrency + allowance*round, concurrency + allowance*(round+1)})
		requireDeepEqual(t, m.ClosedPeriods[len(m.ClosedPeriods)-1].Used, []int64{concurrency, allowance, allowance}[round])
	}
}

// withTransferLimit activates with limits of machines and of transfers.
func withTransferLimit(machines, limit licensing.Limit) func(*licensing.Advance) {
	return func(a *licensing.Advance) {
		activate(licensing.Unlimited, 1, machines)(a)
		a.NewActivation.TransferLimit, a.NewActivation.TransferWindow = limit, 1000
	}
}

func elsewhere(a *licensing.Advance) { a.NewActivation.Elsewhere = true }

// proves part of B01
func transfers(t *testing.T, w *fixture) {
	i := func(name string) *installation { return w.installation(name) }
	a, b := i("a"), i("b")
	a.mustAdvance(t, withTransferLimit(2, 2))
	a.mustAdvance(t, goodbyes)
	a.mustAdvance(t, withTransferLimit(2, 2)) // back in its own place
	b.mustAdvance(t, withTransferLimit(2, 2)) // a new place
	requireDeepEqual(t, w.meter(t).Moves, int64(0))
	a.mustAdvance(t, goodbyes)
	i("c").mustAdvance(t, at(noon+1), withTransferLimit(2, 2)) // the first transfer, to the place of a
	b.mustAdvance(t, at(noon+2), goodbyes)
	d := i("d")
	d.mustAdvance(t, at(noon+3), withTransferLimit(2, 2)) // the second
	d.mustAdvance(t, at(noon+4), goodbyes)
	e := i("e")
	for _, who := range []*installation{e, a, b} { // others have taken their places
		_, err := who.tryAdvance(at(noon+5), withTransferLimit(2, 2))
		requireLimit(t, err, license.CodeMoveLimit, noon+1001)
	}
	m := w.meter(t)
	requireDeepEqual(t, []int64{m.Machines, m.Places, m.Moves}, []int64{1, 2, 2}) // the refusals took nothing
	_, err := d.tryAdvance(at(noon+6), withTransferLimit(2, 2), elsewhere)        // d's place, but not on its machine
	requireLimit(t, err, license.CodeMoveLimit, noon+1001)
	d.mustAdvance(t, at(noon+6), withTransferLimit(2, 2))
	d.mustAdvance(t, at(noon+7), goodbyes)
	e.mustAdvance(t, at(noon+1001), withTransferLimit(2, 2))
	requireDeepEqual(t, w.meter(t).Moves, int64(1))
	_, err = i("f").tryAdvance(at(noon+1001), withTransferLimit(2, 2))
	requireLimit(t, err, license.CodeMachineLimit, 0)
}

// returnsAreNotTransfers: what the vendor releases is no transfer by the customer, and without a limit of machines there are no transfers.
func returnsAreNotTransfers(t *testing.T, w *fixture) {
	a, b, c := w.installation("a"), w.installation("b"), w.installation("c")
	a.mustAdvance(t, withTransferLimit(1, 1))
	must(t, w.Deactivate(ctx, w.org, a.key, noon))
	b.mustAdvance(t, withTransferLimit(1, 1))
	b.mustAdvance(t, goodbyes)
	for range 2 { // the vendor releases what was given up already, once
		must(t, w.Deactivate(ctx, w.org, b.key, noon+5))
		held, err := w.Activation(ctx, b.key)
		must(t, err)
		requireDeepEqual(t, held.Closed, noon)
		requireDeepEqual(t, w.meter(t).Places, int64(0))
	}
	c.mustAdvance(t, withTransferLimit(1, 1))
	c.mustAdvance(t, goodbyes)
	a.mustAdvance(t, withTransferLimit(1, 1)) // a newcomer like any other
	m := w.meter(t)
	requireDeepEqual(t, []int64{m.Machines, m.Places, m.Moves}, []int64{1, 1, 1})
	for n := range 5 {
		w.installation(fmt.Sprint(n)).mustAdvance(t, withTransferLimit(licensing.Unlimited, 1))
	}
	requireDeepEqual(t, w.meter(t).Moves, int64(1))
}

// concurrentTransfers: of many that want one place that was given up, one gets it, and it counts once.
func concurrentTransfers(t *testing.T, w *fixture) {
	a := w.installation("a")
	a.mustAdvance(t, withTransferLimit(1, 1))
	a.mustAdvance(t, goodbyes)
	full := func(err error) bool {
		return isCode(license.CodeMachineLimit)(err) || isCode(license.CodeMoveLimit)(err)
	}
	if n := runConcurrently(t, func(n int) error {
		_, err := w.installation(fmt.Sprint(n)).tryAdvance(withTransferLimit(1, 1))
		return err
	}, full); n != 1 {
		t.Errorf("%d have one place", n)
	}
	m := w.meter(t)
	requireDeepEqual(t, []int64{m.Machines, m.Places, m.Moves}, []int64{1, 1, 1})
}

// proves part of B01
func activationNames(t *testing.T, w *fixture) {
	a, b := w.installation("a"), w.installation("b")
	requireError(t, w.NameActivation(ctx, w.org, a.key, "nobody"), licensing.ErrNotFound)
	a.mustAdvance(t, activated)
	b.mustAdvance(t, activated)
	must(t, w.NameActivation(ctx, w.org, a.key, "Überwachung 7"))
	a.mustAdvance(t, counted(3, 10)) // the vendor's name stays, whatever the installation does
	held, err := w.Activation(ctx, a.key)
	must(t, err)
	requireDeepEqual(t, []any{held.Name, held.Counted}, []any{"Überwachung 7", int64(3)})
	for search, want := range map[string]lease.Hash{"überw": a.key.Activation, string(b.key.Activation[:20]): b.key.Activation} {
		found, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{Search: search})
		must(t, err)
		if len(found.Items) != 1 || found.Items[0].Activation != want {
			t.Errorf("%q: %+v", search, found.Items)
		}
	}
	must(t, w.NameActivation(ctx, w.org, a.key, ""))
	found, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{Search: "überw"})
	must(t, err)
	requireDeepEqual(t, len(found.Items), 0)
}

// proves part of S26
func allMeterCounters(t *testing.T, w *fixture) {
	last, err := w.LastSync(ctx, w.license.ID)
	must(t, err)
	requireDeepEqual(t, last, lease.Time(0))
	requireDeepEqual(t, w.meter(t), licensing.Meter{})
	a, b := w.installation("a"), w.installation("b")
	a.mustAdvance(t, activate(9, 1000, 5), counted(3, 10))
	b.mustAdvance(t, at(noon+5), activate(9, 1000, 5))
	a.mustAdvance(t, at(noon+7), counted(4, 10))
	b.mustAdvance(t, at(noon+6), goodbyes)
	requireDeepEqual(t, w.meter(t), licensing.Meter{MeterCounters: licensing.MeterCounters{Used: 4, Machines: 1, Places: 2, WindowFrom: noon,
		WindowCount: 2, LastActivation: noon + 5},
		VacatedBy: []lease.Hash{b.key.Activation}})
	last, err = w.LastSync(ctx, w.license.ID)
	must(t, err)
	requireDeepEqual(t, last, noon+7)
	_, err = w.LastSync(ctx, newID())
	if !errors.Is(err, licensing.ErrNotFound) {
		t.Error(err)
	}
}
