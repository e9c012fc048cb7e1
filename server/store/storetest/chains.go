package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// proves S26
func firstActivation(t *testing.T, w *world) {
	i := w.installation("a")
	_, err := w.Activation(ctx, i.key)
	wantErr(t, err, licensing.ErrNotFound)
	complete(t, past(1), seen(1))
	a := i.step(activated, counted(3, 10))
	document, err := w.Advance(ctx, a)
	must(t, err)
	got, err := w.Activation(ctx, i.key)
	must(t, err)
	equal(t, got, licensing.Activation{ActivationKey: i.key, Organisation: w.org, Device: i.device, Head: a.To, Request: a.Request, Lease: document,
		Counted: 3, Granted: 3, Created: noon, LastSync: noon, Seen: a.Seen})
	listing, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	equal(t, listing.Items, []licensing.Activation{got})
}

// resends: whatever the request did, the same one again is given the same lease and does nothing. proves S19
func resends(t *testing.T, w *world) {
	i := w.installation("a")
	kinds := []struct {
		name string
		with []func(*licensing.Advance)
	}{
		{"activate", []func(*licensing.Advance){activated}},
		{"count", []func(*licensing.Advance){counted(5, 10)}},
		{"reserve", []func(*licensing.Advance){counted(5, 10), reserves("modeling", 1)}},
		{"prepay", []func(*licensing.Advance){charged(licensing.Charge{Counted: 5, Allowance: 20, Block: 3, Extra: 2})}},
		{"drop", []func(*licensing.Advance){counted(5, 10), drops("modeling")}},
		{"restore", []func(*licensing.Advance){restoredAs(past(1), 1, 1000), charged(licensing.Charge{Counted: 5, Allowance: 20, Lapse: true})}},
		{"goodbye", []func(*licensing.Advance){goodbyes, counted(11, 20)}},
		{"return", []func(*licensing.Advance){activated}},
	}
	for _, kind := range kinds {
		a := i.step(kind.with...)
		want, err := w.Advance(ctx, a)
		must(t, err)
		before, err := w.Activation(ctx, i.key)
		must(t, err)
		a.Seen = seen(1 << 20) // it comes again by another way
		for range 2 {
			got, err := w.Advance(ctx, a)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %v, %s instead of %s", kind.name, err, got, want)
			}
		}
		after, err := w.Activation(ctx, i.key)
		must(t, err)
		equal(t, after, before)
		i.head = a.To
	}
	w.used(t, 11)
}

func stale(t *testing.T, w *world) {
	i := w.installation("a")
	// A record that is not there cannot be moved on.
	_, err := w.Advance(ctx, i.step())
	wantErr(t, err, licensing.ErrStale)
	first := i.step(activated)
	_, err = w.Advance(ctx, first)
	must(t, err)
	again := i.step(activated)
	_, err = w.Advance(ctx, again) // another first activation of the same installation
	wantErr(t, err, licensing.ErrStale)
	i.head = first.To
	i.does(t)
	for name, with := range map[string]func(*licensing.Advance){
		"head":       func(a *licensing.Advance) { a.From = first.To },
		"link":       func(a *licensing.Advance) { a.From.Link = lease.Origin },
		"generation": func(a *licensing.Advance) { a.From.Generation++ },
		"revision":   func(a *licensing.Advance) { a.Revision++ },
		"activate":   activated,
	} {
		if _, err := i.w.Advance(ctx, i.step(with)); !errors.Is(err, licensing.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An edit of the license between reading and advancing.
	a := i.step()
	w.license, err = w.UpdateLicense(ctx, w.license)
	must(t, err)
	_, err = w.Advance(ctx, a)
	wantErr(t, err, licensing.ErrStale)
	i.does(t)
}

// proves S12, S19, S20
func usage(t *testing.T, w *world) {
	a, b := w.installation("a"), w.installation("b")
	a.does(t, activated, counted(4, 10))
	l := b.does(t, activated, counted(5, 10))
	equal(t, l.Counters, lease.Counters{Used: 9, Counted: 5, Granted: 5})
	l = a.does(t, counted(3, 10)) // never down
	equal(t, l.Counters, lease.Counters{Used: 9, Counted: 4, Granted: 4})
	l = a.does(t, counted(5, 10)) // call 10 of 10
	equal(t, l.Counters, lease.Counters{Used: 10, Counted: 5, Granted: 5})
	l = b.does(t, counted(50, 10)) // and no more
	equal(t, l.Counters, lease.Counters{Used: 10, Counted: 5, Granted: 5})
	l = b.does(t, counted(50, 12)) // until the vendor raises it
	equal(t, l.Counters, lease.Counters{Used: 12, Counted: 7, Granted: 7})
	l = b.does(t, counted(60, 5)) // lowered below what is used: nothing is taken back
	equal(t, l.Counters, lease.Counters{Used: 12, Counted: 7, Granted: 7})
	w.used(t, 12)
}

// proves S13
func usageUnlimited(t *testing.T, w *world) {
	a, b := w.installation("a"), w.installation("b")
	l := a.does(t, activated, counted(lease.MaxCount-1, licensing.Unlimited))
	equal(t, l.Counters.Used, int64(lease.MaxCount-1))
	l = b.does(t, activated, counted(5, licensing.Unlimited)) // a counter has an end, and stays within it
	equal(t, l.Counters, lease.Counters{Used: lease.MaxCount, Counted: 1, Granted: 1})
}

func composeFails(t *testing.T, w *world) {
	i := w.installation("a")
	i.does(t, activated, counted(1, 10), reserves("rendering", 9))
	before, err := w.Activation(ctx, i.key)
	must(t, err)
	broken := errors.New("broken")
	a := i.step(counted(5, 10), reserves("modeling", 1), drops("rendering"))
	a.Compose = func(licensing.Outcome) (lease.Document, error) { return nil, broken }
	_, err = w.Advance(ctx, a)
	wantErr(t, err, broken)
	after, err := w.Activation(ctx, i.key)
	must(t, err)
	equal(t, after, before)
	l := i.does(t)
	holds(t, l, "rendering")
	equal(t, l.Counters.Used, int64(1))
	holds(t, w.installation("b").does(t, activated, reserves("modeling", 1)), "modeling")
}

// proves S16
func activationWindow(t *testing.T, w *world) {
	two := activate(2, 1000, 0)
	w.installation("a").does(t, at(noon), two)
	w.installation("b").does(t, at(noon+999), two)
	c := w.installation("c")
	_, err := c.try(at(noon+999), two)
	wantLimit(t, err, license.CodeActivationLimit, noon+1000)
	_, err = w.Activation(ctx, c.key)
	wantErr(t, err, licensing.ErrNotFound)
	c.does(t, at(noon+1000), two)
	w.installation("d").does(t, at(noon+1001), two)
	_, err = w.installation("e").try(at(noon+1001), two)
	wantLimit(t, err, license.CodeActivationLimit, noon+2000)
	_, err = w.installation("e").try(at(noon+5000), activate(0, 1000, 0))
	if !isCode(license.CodeActivationLimit)(err) {
		t.Errorf("limit 0: %v", err)
	}
}

func machines(t *testing.T, w *world) {
	two := activate(100, 1000, 2)
	a, b, c := w.installation("a"), w.installation("b"), w.installation("c")
	a.does(t, two)
	b.does(t, two)
	_, err := c.try(two)
	wantLimit(t, err, license.CodeMachineLimit, 0)
	a.does(t, goodbyes)
	c.does(t, two)
	_, err = a.try(two)
	wantLimit(t, err, license.CodeMachineLimit, 0)
	must(t, w.Deactivate(ctx, w.org, b.key, noon))
	must(t, w.Deactivate(ctx, w.org, b.key, noon)) // twice frees one place
	a.does(t, two)
	_, err = w.installation("d").try(two)
	wantLimit(t, err, license.CodeMachineLimit, 0)
}

func restores(t *testing.T, w *world) {
	i := w.installation("a")
	i.does(t, activate(1, 1<<40, 1), counted(5, 10), reserves("modeling", 1))
	l := i.does(t, at(noon+1), restored(2, 1000), counted(6, 10))
	equal(t, []int64{l.Generation, l.Number, l.Counters.Counted, l.Counters.Used}, []int64{2, 1, 6, 6}) // charged as any other
	holds(t, l, "modeling")
	i.does(t, at(noon+2), counted(7, 10))
	i.does(t, at(noon+3), restored(2, 1000))
	_, err := i.try(at(noon+1000), restored(2, 1000))
	wantLimit(t, err, license.CodeRestoredTooOften, noon+1001)
	i.does(t, at(noon+1000)) // the refusal changed nothing
	l = i.does(t, at(noon+1001), restored(2, 1000))
	equal(t, l.Generation, int64(4))
	i.does(t, at(noon+1002), restored(2, 1000))
	_, err = i.try(at(noon+1003), restored(2, 1000))
	wantLimit(t, err, license.CodeRestoredTooOften, noon+2001)
}

func goodbye(t *testing.T, w *world) {
	i := w.installation("a")
	i.does(t, activated, reserves("modeling", 1), counted(2, 10))
	l := i.does(t, goodbyes, counted(3, 10), reserves("rendering", 9))
	holds(t, l)
	equal(t, l.Counters.Used, int64(3))
	_, err := i.try()
	wantErr(t, err, licensing.ErrStale)
	gone, err := w.Activation(ctx, i.key)
	must(t, err)
	equal(t, gone.Closed, noon)
	holds(t, w.installation("b").does(t, activated, reserves("modeling", 1)), "modeling")
	l = i.does(t, at(noon+1), activated) // comes back as a newcomer, with its count
	equal(t, []int64{l.Generation, l.Number, l.Counters.Counted}, []int64{2, 1, 3})
	back, err := w.Activation(ctx, i.key)
	must(t, err)
	equal(t, []lease.Time{back.Created, back.Closed}, []lease.Time{noon + 1, 0})
}

// proves S22
func deactivate(t *testing.T, w *world) {
	i := w.installation("a")
	wantErr(t, w.Deactivate(ctx, w.org, i.key, noon), licensing.ErrNotFound)
	i.does(t, activated, reserves("modeling", 1), reserves("rendering", 1))
	must(t, w.Deactivate(ctx, w.org, i.key, noon+7))
	must(t, w.Deactivate(ctx, w.org, i.key, noon+8))
	_, err := i.try()
	wantErr(t, err, licensing.ErrStale)
	gone, err := w.Activation(ctx, i.key)
	must(t, err)
	equal(t, gone.Closed, noon+7)
	holds(t, w.installation("b").does(t, activated, reserves("modeling", 1), reserves("rendering", 1)), "modeling", "rendering")
}
