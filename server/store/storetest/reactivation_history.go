package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// checkHistory checks an activation's re-activation history.
func checkHistory(t *testing.T, i *installation, want licensing.ReactivationHistory) {
	t.Helper()
	a, err := i.w.Activation(ctx, i.key)
	must(t, err)
	requireDeepEqual(t, a.Reactivations, want)
}

func historyIsStored(t *testing.T, w *fixture) {
	i := w.installation("a")
	requireError(t, w.SaveReactivationHistory(ctx, i.key, lease.Position{}, history(1), false), licensing.ErrNotFound)
	i.mustAdvance(t, activated, counted(3, 10), reserves("modeling", 1))
	checkHistory(t, i, licensing.ReactivationHistory{})

	before, err := w.Activation(ctx, i.key)
	must(t, err)
	must(t, w.SaveReactivationHistory(ctx, i.key, i.head, history(1), false))
	after, err := w.Activation(ctx, i.key)
	must(t, err)
	before.Reactivations = history(1)
	requireDeepEqual(t, after, before) // nothing else has changed

	checkSeats(t, i.mustAdvance(t, at(noon+1)), "modeling")
	checkHistory(t, i, history(1))
	must(t, w.SaveReactivationHistory(ctx, i.key, i.head, history(2), false))
	checkHistory(t, i, history(2))

	a := i.nextAdvance(reactivatedAs(history(3), 9, 1000))
	a.Lease = func(licensing.Outcome) (lease.Document, error) { return nil, errors.New("broken") }
	if _, err := w.Advance(ctx, a); err == nil {
		t.Fatal("an advance without a lease")
	}
	checkHistory(t, i, history(2))
	i.mustAdvance(t, reactivatedAs(history(3), 9, 1000))
	checkHistory(t, i, history(3))
	i.mustAdvance(t, goodbyes)
	checkHistory(t, i, history(3))
	i.mustAdvance(t, activated) // the installation is the same one
	checkHistory(t, i, history(3))
	must(t, w.SaveReactivationHistory(ctx, i.key, i.head, licensing.ReactivationHistory{Revision: 4}, false))
	checkHistory(t, i, licensing.ReactivationHistory{Revision: 4})
}

func historyOfOtherHeadIsStale(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated)
	first := i.head
	must(t, w.SaveReactivationHistory(ctx, i.key, first, history(1), false))
	i.mustAdvance(t)
	link, generation := i.head, i.head
	link.Link = lease.OriginLink
	generation.Generation++
	for name, head := range map[string]lease.Position{"before": first, "link": link, "generation": generation, "none": {}} {
		if err := w.SaveReactivationHistory(ctx, i.key, head, history(2), true); !errors.Is(err, licensing.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	checkHistory(t, i, history(1))
	other := i.key
	other.License = newID()
	requireError(t, w.SaveReactivationHistory(ctx, other, i.head, history(2), false), licensing.ErrNotFound)
	must(t, w.DeleteLicense(ctx, w.org, w.license.ID, 0))
	requireError(t, w.SaveReactivationHistory(ctx, i.key, i.head, history(2), false), licensing.ErrNotFound)
}

// historyRevisions: what was decided on one history does not replace another, though the head is the same.
func historyRevisions(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated, counted(1, 10), reserves("modeling", 1))
	wrong := func(present int64) {
		t.Helper()
		before, err := w.Activation(ctx, i.key)
		must(t, err)
		for _, turn := range []int64{present - 1, present, present + 2} {
			if err := w.SaveReactivationHistory(ctx, i.key, i.head, historyAt(turn, 9), true); !errors.Is(err, licensing.ErrStale) {
				t.Errorf("history %d was saved after %d: %v", turn, present, err)
			}
			a := i.nextAdvance(reactivatedAs(history(9), 9, 1000), counted(7, 10), releases("modeling"), reserves("rendering", 1))
			a.Reactivation.History.Revision = turn
			if _, err := w.Advance(ctx, a); !errors.Is(err, licensing.ErrStale) {
				t.Errorf("re-activated with history %d after %d: %v", turn, present, err)
			}
		}
		after, err := w.Activation(ctx, i.key)
		must(t, err)
		requireDeepEqual(t, after, before)
		w.checkUsed(t, before.Counted)
	}
	wrong(0)
	i.mustAdvance(t, reactivatedAs(history(1), 9, 1000))
	wrong(1)
	decided := i.nextAdvance(reactivatedAs(history(2), 9, 1000)) // and then the vendor is first
	must(t, w.SaveReactivationHistory(ctx, i.key, i.head, history(2), false))
	_, err := w.Advance(ctx, decided)
	requireError(t, err, licensing.ErrStale)
	checkHistory(t, i, history(2))
	wrong(2)
	checkSeats(t, i.mustAdvance(t, reactivatedAs(history(3), 9, 1000), counted(2, 10)), "modeling")
	wrong(3)
	i.mustAdvance(t) // no re-activation: the revision is the same
	wrong(3)
	must(t, w.SaveReactivationHistory(ctx, i.key, i.head, history(4), true))
	wrong(4)
}

func historyResetsBudget(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated)
	i.mustAdvance(t, at(noon+1), reactivated(1, 1000))
	spent := func(with func(*licensing.Advance)) {
		t.Helper()
		_, err := i.tryAdvance(with, reactivated(1, 1000))
		if !isCode(license.CodeRestoredTooOften)(err) {
			t.Fatal(err)
		}
	}
	spent(at(noon + 2))
	must(t, w.SaveReactivationHistory(ctx, i.key, i.head, history(2), false))
	spent(at(noon + 3))
	must(t, w.SaveReactivationHistory(ctx, i.key, i.head, history(3), true))
	a, err := w.Activation(ctx, i.key)
	must(t, err)
	requireDeepEqual(t, a.ReactivationCount, int64(0))
	i.mustAdvance(t, at(noon+500), reactivatedAs(history(4), 1, 1000))
	_, err = i.tryAdvance(at(noon+1499), reactivated(1, 1000)) // the window is a new one too
	requireLimit(t, err, license.CodeRestoredTooOften, noon+1500)
}

func lastReportAtEveryAdvance(t *testing.T, w *fixture) {
	i := w.installation("a")
	saw := func(want licensing.LastReport) {
		t.Helper()
		a, err := w.Activation(ctx, i.key)
		must(t, err)
		requireDeepEqual(t, a.LastReport, want)
	}
	sees := func(s licensing.LastReport) func(*licensing.Advance) {
		return func(a *licensing.Advance) { a.LastReport = s }
	}
	i.mustAdvance(t, activated, sees(report(1)))
	saw(report(1))
	i.mustAdvance(t, sees(report(2)))
	saw(report(2))
	i.mustAdvance(t, sees(licensing.LastReport{}))
	saw(licensing.LastReport{})
	i.mustAdvance(t, reactivated(1, 1000), sees(report(3)))
	saw(report(3))
	i.mustAdvance(t, goodbyes, sees(report(4)))
	saw(report(4))
	i.mustAdvance(t, activated, sees(report(5)))
	saw(report(5))
	listing, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	requireDeepEqual(t, listing.Items[0].LastReport, report(5))
}

// concurrentHistory: a concurrent advance does not undo a saved history.
func concurrentHistory(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated)
	for range 8 {
		before, err := w.Activation(ctx, i.key)
		must(t, err)
		turn, step := before.Reactivations.Revision+1, i.nextAdvance()
		accepted := make([]bool, concurrency)
		runConcurrently(t, func(n int) error {
			if n == concurrency/2 {
				for {
					if _, err := w.Advance(ctx, step); !errors.Is(err, licensing.ErrStale) {
						return err
					}
				}
			}
			err := w.SaveReactivationHistory(ctx, i.key, before.Head, historyAt(turn, n+1), false)
			accepted[n] = err == nil
			return err
		}, isStale)
		i.head = step.To
		a, err := w.Activation(ctx, i.key)
		must(t, err)
		requireDeepEqual(t, a.Head, step.To)
		if n := slices.Index(accepted, true); n >= 0 {
			requireDeepEqual(t, a.Reactivations, historyAt(turn, n+1))
		} else { // the advance came before all of them
			requireDeepEqual(t, a.Reactivations, before.Reactivations)
		}
	}
}

// concurrentHistoryRevisions: of all that were decided on one history, one replaces it.
func concurrentHistoryRevisions(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated)
	for turn := range int64(8) {
		accepted := make([]bool, concurrency)
		requireDeepEqual(t, runConcurrently(t, func(n int) error {
			err := w.SaveReactivationHistory(ctx, i.key, i.head, historyAt(turn+1, n+1), n%2 == 0)
			accepted[n] = err == nil
			return err
		}, isStale), 1)
		checkHistory(t, i, historyAt(turn+1, slices.Index(accepted, true)+1))
	}
}

// concurrentReactivationAndHistory: a re-activation never replaces a history that was saved since it was decided, nor the reverse, and one
// that came too late is not charged. Each round has one of each, the last rounds many.
func concurrentReactivationAndHistory(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated, counted(1, licensing.Unlimited))
	calls := int64(1)
	for turn := range int64(24) {
		racing := 2
		if turn >= 16 {
			racing = concurrency
		}
		steps := make([]licensing.Advance, concurrency)
		for n := range steps {
			steps[n] = i.nextAdvance(reactivatedAs(historyAt(turn+1, n+1), 1<<40, 1000), counted(calls+1, licensing.Unlimited),
				reserves("modeling", 5))
		}
		accepted := make([]bool, concurrency)
		late := errors.New("takes no part")
		requireDeepEqual(t, runConcurrently(t, func(n int) (err error) {
			switch {
			case n >= racing:
				return late
			case (n+int(turn))%2 == 0:
				err = w.SaveReactivationHistory(ctx, i.key, i.head, historyAt(turn+1, n+1), false)
			default:
				_, err = w.Advance(ctx, steps[n])
			}
			accepted[n] = err == nil
			return err
		}, func(err error) bool { return isStale(err) || err == late }), 1)
		n := slices.Index(accepted, true)
		checkHistory(t, i, historyAt(turn+1, n+1))
		if (n+int(turn))%2 != 0 {
			i.head = steps[n].To
			calls++
		}
		a, err := w.Activation(ctx, i.key)
		must(t, err)
		requireDeepEqual(t, a.Head, i.head)
		w.checkUsed(t, calls)
	}
}

func isStale(err error) bool { return errors.Is(err, licensing.ErrStale) }

// history returns a history with all fields set, different for each n, which is its revision too.
func history(n int) licensing.ReactivationHistory { return historyAt(int64(n), n) }

func historyAt(turn int64, n int) licensing.ReactivationHistory {
	at := func(m int) lease.Position {
		return lease.Position{Generation: int64(n), Number: int64(m), Link: lease.HashOf(fmt.Append(nil, n, m))}
	}
	return licensing.ReactivationHistory{
		Revision: turn, ClosedHead: at(1), Alternations: int64(n), LastAlternation: noon + lease.Time(n), ClonedSince: noon + 2,
		ClearedAt: noon + 3, Evidence: []licensing.Evidence{
			{Time: noon, Request: lease.HashOf(fmt.Append(nil, n)), Shown: at(2), Address: "192.0.2.7", ChangedParts: []string{"board", "ö\""},
				Alternation: true, Refused: true, Code: license.CodeCloned},
			{Time: noon + 1, Request: lease.OriginLink},
		},
	}
}

// report returns a report with all fields set, different for each n.
func report(n int) licensing.LastReport {
	return licensing.LastReport{
		Address:     fmt.Sprintf("2001:db8::%x", n),
		Fingerprint: []lease.FingerprintPart{{Name: "board", Hash: fmt.Sprintf("%032x", n)}, {Name: "disk", Hash: fmt.Sprintf("%032x", 1)}},
		Changed:     []string{"disk", "board"}, ChangedAt: noon + lease.Time(n),
		Statistics: &lease.Statistics{Program: "2.1 \u00e4", Platform: "linux/amd64", Host: "go 1",
			Numbers: []lease.NamedNumber{{Name: "parts", Value: -lease.MaxCount}, {Name: "starts", Value: int64(n)}}},
	}
}

// requireAllFieldsSet fails for a field that is zero: a store that lost it would not be noticed.
func requireAllFieldsSet(t *testing.T, structures ...any) {
	t.Helper()
	for _, s := range structures {
		v := reflect.ValueOf(s)
		for n := range v.NumField() {
			if v.Field(n).IsZero() {
				t.Fatalf("%T.%s is not tested", s, v.Type().Field(n).Name)
			}
		}
	}
}
