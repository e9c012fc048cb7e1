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
func firstActivation(t *testing.T, w *fixture) {
	i := w.installation("a")
	_, err := w.Activation(ctx, i.key)
	requireError(t, err, licensing.ErrNotFound)
	requireAllFieldsSet(t, history(1), report(1))
	a := i.nextAdvance(activated, counted(3, 10))
	done, err := w.Advance(ctx, a)
	must(t, err)
	got, err := w.Activation(ctx, i.key)
	must(t, err)
	requireDeepEqual(t, got, licensing.Activation{ActivationKey: i.key, Organisation: w.org, Device: i.device, Head: a.To, Request: a.Request,
		Lease:   done.Document,
		Counted: 3, Charged: 3, Created: noon, LastSync: noon, LastReport: a.LastReport})
	listing, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	requireDeepEqual(t, listing.Items, []licensing.Activation{got})
}

// resendAfterEachKind: whatever the request did, the same request again gets the same lease and changes nothing. proves S19
func resendAfterEachKind(t *testing.T, w *fixture) {
	i := w.installation("a")
	kinds := []struct {
		name string
		with []func(*licensing.Advance)
	}{
		{"activate", []func(*licensing.Advance){activated}},
		{"count", []func(*licensing.Advance){counted(5, 10)}},
		{"reserve", []func(*licensing.Advance){counted(5, 10), reserves("modeling", 1)}},
		{"prepay", []func(*licensing.Advance){charged(licensing.UsageCharge{Counted: 5, Allowance: 20, Block: 3, Extra: 2})}},
		{"drop", []func(*licensing.Advance){counted(5, 10), releases("modeling")}},
		{"restore", []func(*licensing.Advance){reactivatedAs(history(1), 1, 1000),
			charged(licensing.UsageCharge{Counted: 5, Allowance: 20, EndPrepaid: true})}},
		{"goodbye", []func(*licensing.Advance){goodbyes, counted(11, 20)}},
		{"return", []func(*licensing.Advance){activated}},
	}
	for _, kind := range kinds {
		a := i.nextAdvance(kind.with...)
		want, err := w.Advance(ctx, a)
		must(t, err)
		before, err := w.Activation(ctx, i.key)
		must(t, err)
		a.LastReport = report(1 << 20) // it comes from another address
		for range 2 {
			got, err := w.Advance(ctx, a)
			if err != nil || !bytes.Equal(got.Document, want.Document) || !got.Replayed || want.Replayed {
				t.Fatalf("%s: %v, %s instead of %s", kind.name, err, got.Document, want.Document)
			}
		}
		after, err := w.Activation(ctx, i.key)
		must(t, err)
		requireDeepEqual(t, after, before)
		i.head = a.To
	}
	w.checkUsed(t, 11)
}

func staleAdvances(t *testing.T, w *fixture) {
	i := w.installation("a")
	// A record that does not exist cannot be advanced.
	_, err := w.Advance(ctx, i.nextAdvance())
	requireError(t, err, licensing.ErrStale)
	first := i.nextAdvance(activated)
	_, err = w.Advance(ctx, first)
	must(t, err)
	again := i.nextAdvance(activated)
	_, err = w.Advance(ctx, again) // another first activation of the same installation
	requireError(t, err, licensing.ErrStale)
	i.head = first.To
	i.mustAdvance(t)
	for name, with := range map[string]func(*licensing.Advance){
		"head":       func(a *licensing.Advance) { a.From = first.To },
		"link":       func(a *licensing.Advance) { a.From.Link = lease.OriginLink },
		"generation": func(a *licensing.Advance) { a.From.Generation++ },
		"revision":   func(a *licensing.Advance) { a.Revision++ },
		"activate":   activated,
	} {
		if _, err := i.w.Advance(ctx, i.nextAdvance(with)); !errors.Is(err, licensing.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The license is edited between reading and advancing.
	a := i.nextAdvance()
	w.license, err = w.UpdateLicense(ctx, w.license)
	must(t, err)
	_, err = w.Advance(ctx, a)
	requireError(t, err, licensing.ErrStale)
	i.mustAdvance(t)
}

// proves S12, S19, S20
func cumulativeUsage(t *testing.T, w *fixture) {
	a, b := w.installation("a"), w.installation("b")
	a.mustAdvance(t, activated, counted(4, 10))
	l := b.mustAdvance(t, activated, counted(5, 10))
	requireDeepEqual(t, l.Counters, lease.Counters{Used: 9, Counted: 5, Granted: 5})
	l = a.mustAdvance(t, counted(3, 10)) // never down
	requireDeepEqual(t, l.Counters, lease.Counters{Used: 9, Counted: 4, Granted: 4})
	l = a.mustAdvance(t, counted(5, 10)) // call 10 of 10
	requireDeepEqual(t, l.Counters, lease.Counters{Used: 10, Counted: 5, Granted: 5})
	l = b.mustAdvance(t, counted(50, 10)) // and no more
	requireDeepEqual(t, l.Counters, lease.Counters{Used: 10, Counted: 5, Granted: 5})
	l = b.mustAdvance(t, counted(50, 12)) // until the vendor raises it
	requireDeepEqual(t, l.Counters, lease.Counters{Used: 12, Counted: 7, Granted: 7})
	l = b.mustAdvance(t, counted(60, 5)) // lowered below what is used: nothing is taken back
	requireDeepEqual(t, l.Counters, lease.Counters{Used: 12, Counted: 7, Granted: 7})
	w.checkUsed(t, 12)
}

// proves S13
func unlimitedUsage(t *testing.T, w *fixture) {
	a, b := w.installation("a"), w.installation("b")
	l := a.mustAdvance(t, activated, counted(lease.MaxCount-1, licensing.Unlimited))
	requireDeepEqual(t, l.Counters.Used, int64(lease.MaxCount-1))
	l = b.mustAdvance(t, activated, counted(5, licensing.Unlimited)) // a counter has an end, and stays within it
	requireDeepEqual(t, l.Counters, lease.Counters{Used: lease.MaxCount, Counted: 1, Granted: 1})
}

func failedLease(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated, counted(1, 10), reserves("rendering", 9))
	before, err := w.Activation(ctx, i.key)
	must(t, err)
	broken := errors.New("broken")
	a := i.nextAdvance(counted(5, 10), reserves("modeling", 1), releases("rendering"))
	a.Lease = func(licensing.Outcome) (lease.Document, error) { return nil, broken }
	_, err = w.Advance(ctx, a)
	requireError(t, err, broken)
	after, err := w.Activation(ctx, i.key)
	must(t, err)
	requireDeepEqual(t, after, before)
	l := i.mustAdvance(t)
	checkSeats(t, l, "rendering")
	requireDeepEqual(t, l.Counters.Used, int64(1))
	checkSeats(t, w.installation("b").mustAdvance(t, activated, reserves("modeling", 1)), "modeling")
}

// proves S16
func activationWindow(t *testing.T, w *fixture) {
	two := activate(2, 1000, licensing.Unlimited)
	w.installation("a").mustAdvance(t, at(noon), two)
	w.installation("b").mustAdvance(t, at(noon+999), two)
	c := w.installation("c")
	_, err := c.tryAdvance(at(noon+999), two)
	requireLimit(t, err, license.CodeActivationLimit, noon+1000)
	_, err = w.Activation(ctx, c.key)
	requireError(t, err, licensing.ErrNotFound)
	c.mustAdvance(t, at(noon+1000), two)
	w.installation("d").mustAdvance(t, at(noon+1001), two)
	_, err = w.installation("e").tryAdvance(at(noon+1001), two)
	requireLimit(t, err, license.CodeActivationLimit, noon+2000)
	_, err = w.installation("e").tryAdvance(at(noon+5000), activate(0, 1000, licensing.Unlimited))
	if !isCode(license.CodeActivationLimit)(err) {
		t.Errorf("limit 0: %v", err)
	}
}

func machineLimit(t *testing.T, w *fixture) {
	two := activate(100, 1000, 2)
	a, b, c := w.installation("a"), w.installation("b"), w.installation("c")
	a.mustAdvance(t, two)
	b.mustAdvance(t, two)
	_, err := c.tryAdvance(two)
	requireLimit(t, err, license.CodeMachineLimit, 0)
	a.mustAdvance(t, goodbyes)
	c.mustAdvance(t, two)
	_, err = a.tryAdvance(two)
	requireLimit(t, err, license.CodeMachineLimit, 0)
	must(t, w.Deactivate(ctx, w.org, b.key, noon))
	must(t, w.Deactivate(ctx, w.org, b.key, noon)) // repeating it frees one place
	a.mustAdvance(t, two)
	_, err = w.installation("d").tryAdvance(two)
	requireLimit(t, err, license.CodeMachineLimit, 0)
}

func reactivationBudget(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activate(1, 1<<40, 1), counted(5, 10), reserves("modeling", 1))
	l := i.mustAdvance(t, at(noon+1), reactivated(2, 1000), counted(6, 10))
	requireDeepEqual(t, []int64{l.Generation, l.Number, l.Counters.Counted, l.Counters.Used}, []int64{2, 1, 6, 6}) // charged like any other
	checkSeats(t, l, "modeling")
	i.mustAdvance(t, at(noon+2), counted(7, 10))
	i.mustAdvance(t, at(noon+3), reactivated(2, 1000))
	_, err := i.tryAdvance(at(noon+1000), reactivated(2, 1000))
	requireLimit(t, err, license.CodeRestoredTooOften, noon+1001)
	i.mustAdvance(t, at(noon+1000)) // the refusal changed nothing
	l = i.mustAdvance(t, at(noon+1001), reactivated(2, 1000))
	requireDeepEqual(t, l.Generation, int64(4))
	i.mustAdvance(t, at(noon+1002), reactivated(2, 1000))
	_, err = i.tryAdvance(at(noon+1003), reactivated(2, 1000))
	requireLimit(t, err, license.CodeRestoredTooOften, noon+2001)
}

func goodbyeAndReturn(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated, reserves("modeling", 1), counted(2, 10))
	l := i.mustAdvance(t, goodbyes, counted(3, 10), reserves("rendering", 9))
	checkSeats(t, l)
	requireDeepEqual(t, l.Counters.Used, int64(3))
	_, err := i.tryAdvance()
	requireError(t, err, licensing.ErrStale)
	gone, err := w.Activation(ctx, i.key)
	must(t, err)
	requireDeepEqual(t, gone.Closed, noon)
	checkSeats(t, w.installation("b").mustAdvance(t, activated, reserves("modeling", 1)), "modeling")
	l = i.mustAdvance(t, at(noon+1), activated) // comes back as a newcomer, with its count
	requireDeepEqual(t, []int64{l.Generation, l.Number, l.Counters.Counted}, []int64{2, 1, 3})
	back, err := w.Activation(ctx, i.key)
	must(t, err)
	requireDeepEqual(t, []lease.Time{back.Created, back.Closed}, []lease.Time{noon + 1, 0})
}

// proves S22
func vendorDeactivates(t *testing.T, w *fixture) {
	i := w.installation("a")
	requireError(t, w.Deactivate(ctx, w.org, i.key, noon), licensing.ErrNotFound)
	i.mustAdvance(t, activated, reserves("modeling", 1), reserves("rendering", 1))
	must(t, w.Deactivate(ctx, w.org, i.key, noon+7))
	must(t, w.Deactivate(ctx, w.org, i.key, noon+8))
	_, err := i.tryAdvance()
	requireError(t, err, licensing.ErrStale)
	gone, err := w.Activation(ctx, i.key)
	must(t, err)
	requireDeepEqual(t, gone.Closed, noon+7)
	checkSeats(t, w.installation("b").mustAdvance(t, activated, reserves("modeling", 1), reserves("rendering", 1)), "modeling", "rendering")
}
