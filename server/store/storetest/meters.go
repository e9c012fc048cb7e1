package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// inPeriod charges in the period that begins at the time, and lets the lease say how far the allowance reaches.
func inPeriod(from lease.Time, counted, allowance int64) func(*licensing.Advance) {
	return charged(licensing.Charge{Counted: counted, Allowance: allowance, Period: from})
}

func (w *world) meter(t *testing.T) licensing.Meter {
	t.Helper()
	m, err := w.Meter(ctx, w.license.ID)
	must(t, err)
	return m
}

func periods(t *testing.T, w *world) {
	a, b := w.installation("a"), w.installation("b")
	const first, second, fifth = noon, noon + 1000, noon + 4000
	a.does(t, activated, inPeriod(first, 6, 10))
	b.does(t, activated, inPeriod(first, 6, 10)) // capped at what is left
	w.used(t, 10)
	equal(t, w.meter(t).Before, int64(0))

	l := b.does(t, inPeriod(second, 4, 10)) // a new one: nothing is used of it yet
	equal(t, l.Counters.Used, int64(10))
	b.does(t, inPeriod(second, 9, 10))
	l = a.does(t, inPeriod(second, 20, 10)) // 5 of 10 are left
	equal(t, l.Counters, lease.Counters{Used: 20, Counted: 11, Granted: 11})
	l = b.does(t, inPeriod(second, 10, 20)) // until the vendor raises it
	equal(t, l.Counters.Counted, int64(10))
	m := w.meter(t)
	equal(t, []any{m.Used, m.Before, m.Period, m.Closed}, []any{int64(21), int64(10), second, []licensing.Period{{From: first, Used: 10}}})

	a.does(t, inPeriod(fifth, 12, 10)) // nothing happened in between
	m = w.meter(t)
	equal(t, []any{m.Used, m.Before, m.Period, m.Closed}, []any{int64(22), int64(21), fifth, []licensing.Period{{From: first, Used: 10}, {From: second, Used: 11}}})

	for n := range lease.Time(20) { // a meter does not grow for ever
		a.does(t, inPeriod(fifth+1+n, 13+int64(n), 10))
	}
	m = w.meter(t)
	equal(t, []int64{m.Used, m.Before, int64(len(m.Closed))}, []int64{42, 41, 12})
	equal(t, m.Closed[11], licensing.Period{From: fifth + 19, Used: 1})
}

// A clock that goes back opens no period that is over, and who has no periods has the whole life's allowance.
func periodsKeepTheirStart(t *testing.T, w *world) {
	a := w.installation("a")
	a.does(t, activated, inPeriod(noon+1000, 5, 10))
	l := a.does(t, inPeriod(noon, 20, 10))
	equal(t, l.Counters.Used, int64(10))
	equal(t, w.meter(t).Period, noon+1000)
	a.does(t, inPeriod(noon+2000, 12, 10))
	l = a.does(t, counted(50, 15)) // the vendor took the periods away
	equal(t, l.Counters.Used, int64(15))
	l = a.does(t, inPeriod(noon+2000, 50, 10)) // and gives them back
	equal(t, l.Counters.Used, int64(20))
}

// periodAtOnce: the first of many in a new period begins it, and none is given more than it allows.
func periodAtOnce(t *testing.T, w *world) {
	const allowance = many + many/2
	all := make([]*installation, many)
	for n := range all {
		all[n] = w.installation(fmt.Sprint(n))
		all[n].does(t, activated, inPeriod(noon, 1, 1<<40))
	}
	for round := range int64(3) {
		atOnce(t, func(n int) error {
			_, err := all[n].try(inPeriod(noon+lease.Time(round+1), 1+3*(round+1), allowance))
			return err
		}, func(error) bool { return false })
		m := w.meter(t)
		equal(t, []int64{m.Before, m.Used}, []int64{many + allowance*round, many + allowance*(round+1)})
		equal(t, m.Closed[len(m.Closed)-1].Used, []int64{many, allowance, allowance}[round])
	}
}

// movesTo is an activation with a limit of machines and of moves.
func movesTo(machines, limit int64) func(*licensing.Advance) {
	return func(a *licensing.Advance) {
		activate(1<<40, 1, machines)(a)
		a.Activate.MoveLimit, a.Activate.MoveWindow = limit, 1000
	}
}

func elsewhere(a *licensing.Advance) { a.Activate.Elsewhere = true }

// proves part of B01
func moves(t *testing.T, w *world) {
	i := func(name string) *installation { return w.installation(name) }
	a, b := i("a"), i("b")
	a.does(t, movesTo(2, 2))
	a.does(t, goodbyes)
	a.does(t, movesTo(2, 2)) // back in its own place
	b.does(t, movesTo(2, 2)) // a place that nobody has had
	equal(t, w.meter(t).Moves, int64(0))
	a.does(t, goodbyes)
	i("c").does(t, at(noon+1), movesTo(2, 2)) // the first move, to the place of a
	b.does(t, at(noon+2), goodbyes)
	d := i("d")
	d.does(t, at(noon+3), movesTo(2, 2)) // the second
	d.does(t, at(noon+4), goodbyes)
	e := i("e")
	for _, who := range []*installation{e, a, b} { // others have been where these were
		_, err := who.try(at(noon+5), movesTo(2, 2))
		wantLimit(t, err, license.CodeMoveLimit, noon+1001)
	}
	m := w.meter(t)
	equal(t, []int64{m.Machines, m.Places, m.Moves}, []int64{1, 2, 2}) // the refusals took nothing
	_, err := d.try(at(noon+6), movesTo(2, 2), elsewhere)              // d's place, but not on its machine
	wantLimit(t, err, license.CodeMoveLimit, noon+1001)
	d.does(t, at(noon+6), movesTo(2, 2))
	d.does(t, at(noon+7), goodbyes)
	e.does(t, at(noon+1001), movesTo(2, 2))
	equal(t, w.meter(t).Moves, int64(1))
	_, err = i("f").try(at(noon+1001), movesTo(2, 2))
	wantLimit(t, err, license.CodeMachineLimit, 0)
}

// noMoves: what the vendor decides is no move of the customer's, and where there is no limit of machines there are no moves.
func noMoves(t *testing.T, w *world) {
	a, b, c := w.installation("a"), w.installation("b"), w.installation("c")
	a.does(t, movesTo(1, 1))
	must(t, w.Deactivate(ctx, w.org, a.key, noon))
	b.does(t, movesTo(1, 1))
	b.does(t, goodbyes)
	for range 2 { // the vendor frees what was given up already, once
		must(t, w.Deactivate(ctx, w.org, b.key, noon+5))
		held, err := w.Activation(ctx, b.key)
		must(t, err)
		equal(t, held.Closed, noon)
		equal(t, w.meter(t).Places, int64(0))
	}
	c.does(t, movesTo(1, 1))
	c.does(t, goodbyes)
	a.does(t, movesTo(1, 1)) // a newcomer like any other
	m := w.meter(t)
	equal(t, []int64{m.Machines, m.Places, m.Moves}, []int64{1, 1, 1})
	for n := range 5 {
		w.installation(fmt.Sprint(n)).does(t, movesTo(0, 1))
	}
	equal(t, w.meter(t).Moves, int64(1))
}

// movesAtOnce: of many who want one place that was given up, one has it, and it counts once.
func movesAtOnce(t *testing.T, w *world) {
	a := w.installation("a")
	a.does(t, movesTo(1, 1))
	a.does(t, goodbyes)
	full := func(err error) bool {
		return isCode(license.CodeMachineLimit)(err) || isCode(license.CodeMoveLimit)(err)
	}
	if n := atOnce(t, func(n int) error { _, err := w.installation(fmt.Sprint(n)).try(movesTo(1, 1)); return err }, full); n != 1 {
		t.Errorf("%d have one place", n)
	}
	m := w.meter(t)
	equal(t, []int64{m.Machines, m.Places, m.Moves}, []int64{1, 1, 1})
}

// proves part of B01
func activationNames(t *testing.T, w *world) {
	a, b := w.installation("a"), w.installation("b")
	wantErr(t, w.Name(ctx, w.org, a.key, "nobody"), licensing.ErrNotFound)
	a.does(t, activated)
	b.does(t, activated)
	must(t, w.Name(ctx, w.org, a.key, "Überwachung 7"))
	a.does(t, counted(3, 10)) // it is the vendor's, whatever the installation does
	held, err := w.Activation(ctx, a.key)
	must(t, err)
	equal(t, []any{held.Name, held.Counted}, []any{"Überwachung 7", int64(3)})
	for search, want := range map[string]lease.Hash{"überw": a.key.Activation, string(b.key.Activation[:20]): b.key.Activation} {
		found, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{Search: search})
		must(t, err)
		if len(found.Items) != 1 || found.Items[0].Activation != want {
			t.Errorf("%q: %+v", search, found.Items)
		}
	}
	must(t, w.Name(ctx, w.org, a.key, ""))
	found, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{Search: "überw"})
	must(t, err)
	equal(t, len(found.Items), 0)
}

// proves part of S26
func tallyOfEverything(t *testing.T, w *world) {
	last, err := w.LastSync(ctx, w.license.ID)
	must(t, err)
	equal(t, last, lease.Time(0))
	equal(t, w.meter(t), licensing.Meter{})
	a, b := w.installation("a"), w.installation("b")
	a.does(t, activate(9, 1000, 5), counted(3, 10))
	b.does(t, at(noon+5), activate(9, 1000, 5))
	a.does(t, at(noon+7), counted(4, 10))
	b.does(t, at(noon+6), goodbyes)
	equal(t, w.meter(t), licensing.Meter{Tally: licensing.Tally{Used: 4, Machines: 1, Places: 2, WindowFrom: noon, WindowCount: 2, LastActivation: noon + 5},
		Left: []lease.Hash{b.key.Activation}})
	last, err = w.LastSync(ctx, w.license.ID)
	must(t, err)
	equal(t, last, noon+7)
	_, err = w.LastSync(ctx, newID())
	if !errors.Is(err, licensing.ErrNotFound) {
		t.Error(err)
	}
}
