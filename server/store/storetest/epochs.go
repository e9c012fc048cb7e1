package storetest

import (
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// epoch reads the epoch with a first value that must not be used any more.
func epoch(t *testing.T, w *fixture) licensing.Epoch {
	t.Helper()
	e, err := w.Epoch(ctx, 1<<40)
	must(t, err)
	return e
}

func epochIsMonotonic(t *testing.T, w *fixture) {
	first, err := w.Epoch(ctx, 100)
	must(t, err)
	requireDeepEqual(t, first, licensing.Epoch{Value: 100})
	requireDeepEqual(t, epoch(t, w), first)
	must(t, w.EndFreeze(ctx, first.Value))
	requireDeepEqual(t, epoch(t, w), first)

	e, err := w.RaiseEpoch(ctx, 99, noon)
	must(t, err)
	requireDeepEqual(t, e, first) // there is one already

	second, err := w.RaiseEpoch(ctx, 100, noon)
	must(t, err)
	requireDeepEqual(t, second.Since, noon)
	if second.Value <= 100 {
		t.Fatalf("the epoch is %d", second.Value)
	}
	requireDeepEqual(t, epoch(t, w), second)
	e, err = w.RaiseEpoch(ctx, 100, noon+5)
	must(t, err)
	requireDeepEqual(t, e, second) // its beginning stays

	must(t, w.EndFreeze(ctx, second.Value))
	must(t, w.EndFreeze(ctx, second.Value))
	settled := second
	settled.Since = 0
	requireDeepEqual(t, epoch(t, w), settled)
	e, err = w.RaiseEpoch(ctx, 100, noon+6)
	must(t, err)
	requireDeepEqual(t, e, settled)

	third, err := w.RaiseEpoch(ctx, 5000, noon+7)
	must(t, err)
	if third.Value <= 5000 || third.Since != noon+7 {
		t.Fatalf("%+v", third)
	}
	requireDeepEqual(t, epoch(t, w), third)
}

func epochRaisedFirst(t *testing.T, w *fixture) {
	must(t, w.EndFreeze(ctx, 7)) // there is none
	raised, err := w.RaiseEpoch(ctx, 7, noon)
	must(t, err)
	if raised.Value <= 7 || raised.Since != noon {
		t.Fatalf("%+v", raised)
	}
	requireDeepEqual(t, epoch(t, w), raised)
}

// endFreezeOfOlderEpoch: ending the freeze of one epoch has no effect on a later one.
func endFreezeOfOlderEpoch(t *testing.T, w *fixture) {
	first, err := w.Epoch(ctx, 100)
	must(t, err)
	second, err := w.RaiseEpoch(ctx, first.Value, noon)
	must(t, err)
	for _, value := range []int64{0, first.Value, second.Value - 1, second.Value + 1} {
		must(t, w.EndFreeze(ctx, value))
		requireDeepEqual(t, epoch(t, w), second)
	}
	must(t, w.EndFreeze(ctx, second.Value))
	requireDeepEqual(t, epoch(t, w), licensing.Epoch{Value: second.Value})
}

func concurrentEndFreezeAndRaise(t *testing.T, w *fixture) {
	present, err := w.Epoch(ctx, 100)
	must(t, err)
	for range 8 {
		runConcurrently(t, func(n int) error {
			if n != concurrency/2 {
				return w.EndFreeze(ctx, present.Value)
			}
			_, err := w.RaiseEpoch(ctx, present.Value, noon)
			return err
		}, func(error) bool { return false })
		raised := epoch(t, w)
		if raised.Value <= present.Value || raised.Since != noon {
			t.Fatalf("%+v after %+v", raised, present)
		}
		present = raised
	}
}

func concurrentEpochs(t *testing.T, w *fixture) {
	never := func(error) bool { return false }
	got := make([]licensing.Epoch, concurrency)
	agreed := func(f func(n int) (licensing.Epoch, error)) licensing.Epoch {
		t.Helper()
		runConcurrently(t, func(n int) (err error) { got[n], err = f(n); return err }, never)
		for _, e := range got {
			requireDeepEqual(t, e, got[0])
		}
		requireDeepEqual(t, epoch(t, w), got[0])
		return got[0]
	}
	first := agreed(func(n int) (licensing.Epoch, error) { return w.Epoch(ctx, int64(n+1)) })
	second := agreed(func(n int) (licensing.Epoch, error) { return w.RaiseEpoch(ctx, first.Value, noon+lease.Time(n)) })
	if second.Value <= first.Value {
		t.Fatalf("%+v after %+v", second, first)
	}
	// Each raises it above another value: none gets an epoch that is too low.
	runConcurrently(t, func(n int) (err error) { got[n], err = w.RaiseEpoch(ctx, second.Value+int64(n), noon); return err }, never)
	last := epoch(t, w)
	for n, e := range got {
		if e.Value <= second.Value+int64(n) || e.Value > last.Value {
			t.Errorf("raised above %d, got %d, and %d in the end", second.Value+int64(n), e.Value, last.Value)
		}
	}
}
