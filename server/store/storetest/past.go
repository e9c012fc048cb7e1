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

// remembered checks an activation's past.
func remembered(t *testing.T, i *installation, want licensing.Past) {
	t.Helper()
	a, err := i.w.Activation(ctx, i.key)
	must(t, err)
	equal(t, a.Past, want)
}

func pastIsRemembered(t *testing.T, w *world) {
	i := w.installation("a")
	wantErr(t, w.Remember(ctx, i.key, lease.Position{}, past(1), false), licensing.ErrNotFound)
	i.does(t, activated, counted(3, 10), reserves("modeling", 1))
	remembered(t, i, licensing.Past{})

	before, err := w.Activation(ctx, i.key)
	must(t, err)
	must(t, w.Remember(ctx, i.key, i.head, past(1), false))
	after, err := w.Activation(ctx, i.key)
	must(t, err)
	before.Past = past(1)
	equal(t, after, before) // nothing else has changed

	holds(t, i.does(t, at(noon+1)), "modeling")
	remembered(t, i, past(1))
	must(t, w.Remember(ctx, i.key, i.head, past(2), false))
	remembered(t, i, past(2))

	a := i.step(restoredAs(past(3), 9, 1000))
	a.Compose = func(licensing.Outcome) (lease.Document, error) { return nil, errors.New("broken") }
	if _, err := w.Advance(ctx, a); err == nil {
		t.Fatal("an advance without a lease")
	}
	remembered(t, i, past(2))
	i.does(t, restoredAs(past(3), 9, 1000))
	remembered(t, i, past(3))
	i.does(t, goodbyes)
	remembered(t, i, past(3))
	i.does(t, activated) // the installation is the same one
	remembered(t, i, past(3))
	must(t, w.Remember(ctx, i.key, i.head, licensing.Past{Turn: 4}, false))
	remembered(t, i, licensing.Past{Turn: 4})
}

func pastIsStale(t *testing.T, w *world) {
	i := w.installation("a")
	i.does(t, activated)
	first := i.head
	must(t, w.Remember(ctx, i.key, first, past(1), false))
	i.does(t)
	link, generation := i.head, i.head
	link.Link = lease.Origin
	generation.Generation++
	for name, head := range map[string]lease.Position{"before": first, "link": link, "generation": generation, "none": {}} {
		if err := w.Remember(ctx, i.key, head, past(2), true); !errors.Is(err, licensing.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	remembered(t, i, past(1))
	other := i.key
	other.License = newID()
	wantErr(t, w.Remember(ctx, other, i.head, past(2), false), licensing.ErrNotFound)
	must(t, w.DeleteLicense(ctx, w.org, w.license.ID, 0))
	wantErr(t, w.Remember(ctx, i.key, i.head, past(2), false), licensing.ErrNotFound)
}

// pastTurns: what was decided on one past is not written over another, though the head is the same.
func pastTurns(t *testing.T, w *world) {
	i := w.installation("a")
	i.does(t, activated, counted(1, 10), reserves("modeling", 1))
	wrong := func(present int64) {
		t.Helper()
		before, err := w.Activation(ctx, i.key)
		must(t, err)
		for _, turn := range []int64{present - 1, present, present + 2} {
			if err := w.Remember(ctx, i.key, i.head, pastAt(turn, 9), true); !errors.Is(err, licensing.ErrStale) {
				t.Errorf("turn %d remembered after %d: %v", turn, present, err)
			}
			a := i.step(restoredAs(past(9), 9, 1000), counted(7, 10), drops("modeling"), reserves("rendering", 1))
			a.Restore.Past.Turn = turn
			if _, err := w.Advance(ctx, a); !errors.Is(err, licensing.ErrStale) {
				t.Errorf("turn %d restored after %d: %v", turn, present, err)
			}
		}
		after, err := w.Activation(ctx, i.key)
		must(t, err)
		equal(t, after, before)
		w.used(t, before.Counted)
	}
	wrong(0)
	i.does(t, restoredAs(past(1), 9, 1000))
	wrong(1)
	decided := i.step(restoredAs(past(2), 9, 1000)) // and then the vendor is first
	must(t, w.Remember(ctx, i.key, i.head, past(2), false))
	_, err := w.Advance(ctx, decided)
	wantErr(t, err, licensing.ErrStale)
	remembered(t, i, past(2))
	wrong(2)
	holds(t, i.does(t, restoredAs(past(3), 9, 1000), counted(2, 10)), "modeling")
	wrong(3)
	i.does(t) // no re-activation: the turn is the same
	wrong(3)
	must(t, w.Remember(ctx, i.key, i.head, past(4), true))
	wrong(4)
}

func rememberRestores(t *testing.T, w *world) {
	i := w.installation("a")
	i.does(t, activated)
	i.does(t, at(noon+1), restored(1, 1000))
	spent := func(with func(*licensing.Advance)) {
		t.Helper()
		_, err := i.try(with, restored(1, 1000))
		if !isCode(license.CodeRestoredTooOften)(err) {
			t.Fatal(err)
		}
	}
	spent(at(noon + 2))
	must(t, w.Remember(ctx, i.key, i.head, past(2), false))
	spent(at(noon + 3))
	must(t, w.Remember(ctx, i.key, i.head, past(3), true))
	a, err := w.Activation(ctx, i.key)
	must(t, err)
	equal(t, a.Restores, int64(0))
	i.does(t, at(noon+500), restoredAs(past(4), 1, 1000))
	_, err = i.try(at(noon+1499), restored(1, 1000)) // the window is a new one too
	wantLimit(t, err, license.CodeRestoredTooOften, noon+1500)
}

func seenAtEveryAdvance(t *testing.T, w *world) {
	i := w.installation("a")
	saw := func(want licensing.Seen) {
		t.Helper()
		a, err := w.Activation(ctx, i.key)
		must(t, err)
		equal(t, a.Seen, want)
	}
	sees := func(s licensing.Seen) func(*licensing.Advance) { return func(a *licensing.Advance) { a.Seen = s } }
	i.does(t, activated, sees(seen(1)))
	saw(seen(1))
	i.does(t, sees(seen(2)))
	saw(seen(2))
	i.does(t, sees(licensing.Seen{}))
	saw(licensing.Seen{})
	i.does(t, restored(1, 1000), sees(seen(3)))
	saw(seen(3))
	i.does(t, goodbyes, sees(seen(4)))
	saw(seen(4))
	i.does(t, activated, sees(seen(5)))
	saw(seen(5))
	listing, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	equal(t, listing.Items[0].Seen, seen(5))
}

// rememberAtOnce: an advance that runs beside does not undo what was remembered.
func rememberAtOnce(t *testing.T, w *world) {
	i := w.installation("a")
	i.does(t, activated)
	for range 8 {
		before, err := w.Activation(ctx, i.key)
		must(t, err)
		turn, step := before.Past.Turn+1, i.step()
		accepted := make([]bool, many)
		atOnce(t, func(n int) error {
			if n == many/2 {
				for {
					if _, err := w.Advance(ctx, step); !errors.Is(err, licensing.ErrStale) {
						return err
					}
				}
			}
			err := w.Remember(ctx, i.key, before.Head, pastAt(turn, n+1), false)
			accepted[n] = err == nil
			return err
		}, isStale)
		i.head = step.To
		a, err := w.Activation(ctx, i.key)
		must(t, err)
		equal(t, a.Head, step.To)
		if n := slices.Index(accepted, true); n >= 0 {
			equal(t, a.Past, pastAt(turn, n+1))
		} else { // the advance came before all of them
			equal(t, a.Past, before.Past)
		}
	}
}

// turnsAtOnce: of all who were shown one past, one makes the next.
func turnsAtOnce(t *testing.T, w *world) {
	i := w.installation("a")
	i.does(t, activated)
	for turn := range int64(8) {
		accepted := make([]bool, many)
		equal(t, atOnce(t, func(n int) error {
			err := w.Remember(ctx, i.key, i.head, pastAt(turn+1, n+1), n%2 == 0)
			accepted[n] = err == nil
			return err
		}, isStale), 1)
		remembered(t, i, pastAt(turn+1, slices.Index(accepted, true)+1))
	}
}

// restoreOrRemember: a re-activation never overwrites what was remembered since it was decided on, nor the other way round, and one that
// came too late has not been charged. Each round is one of each, the last ones many.
func restoreOrRemember(t *testing.T, w *world) {
	i := w.installation("a")
	i.does(t, activated, counted(1, licensing.Unlimited))
	calls := int64(1)
	for turn := range int64(24) {
		racing := 2
		if turn >= 16 {
			racing = many
		}
		steps := make([]licensing.Advance, many)
		for n := range steps {
			steps[n] = i.step(restoredAs(pastAt(turn+1, n+1), 1<<40, 1000), counted(calls+1, licensing.Unlimited), reserves("modeling", 5))
		}
		accepted := make([]bool, many)
		late := errors.New("takes no part")
		equal(t, atOnce(t, func(n int) (err error) {
			switch {
			case n >= racing:
				return late
			case (n+int(turn))%2 == 0:
				err = w.Remember(ctx, i.key, i.head, pastAt(turn+1, n+1), false)
			default:
				_, err = w.Advance(ctx, steps[n])
			}
			accepted[n] = err == nil
			return err
		}, func(err error) bool { return isStale(err) || err == late }), 1)
		n := slices.Index(accepted, true)
		remembered(t, i, pastAt(turn+1, n+1))
		if (n+int(turn))%2 != 0 {
			i.head = steps[n].To
			calls++
		}
		a, err := w.Activation(ctx, i.key)
		must(t, err)
		equal(t, a.Head, i.head)
		w.used(t, calls)
	}
}

func isStale(err error) bool { return errors.Is(err, licensing.ErrStale) }

// past is one with something in every field, and another for each n; its turn is n too.
func past(n int) licensing.Past { return pastAt(int64(n), n) }

func pastAt(turn int64, n int) licensing.Past {
	at := func(m int) lease.Position {
		return lease.Position{Generation: int64(n), Number: int64(m), Link: lease.HashOf(fmt.Append(nil, n, m))}
	}
	return licensing.Past{
		Turn: turn, Left: at(1), Alternations: int64(n), AlternatedAt: noon + lease.Time(n), Cloned: noon + 2, Forgiven: noon + 3, Evidence: []licensing.Evidence{
			{Time: noon, Request: lease.HashOf(fmt.Append(nil, n)), Shown: at(2), Address: "192.0.2.7", Differs: []string{"board", "ö\""}, Alternation: true, Refused: true, Code: license.CodeCloned},
			{Time: noon + 1, Request: lease.Origin},
		},
	}
}

// seen is like past.
func seen(n int) licensing.Seen {
	return licensing.Seen{
		Address:     fmt.Sprintf("2001:db8::%x", n),
		Fingerprint: []lease.Part{{Name: "board", Hash: fmt.Sprintf("%032x", n)}, {Name: "disk", Hash: fmt.Sprintf("%032x", 1)}},
		Changed:     []string{"disk", "board"}, ChangedAt: noon + lease.Time(n),
		Statistics: &lease.Statistics{Program: "2.1 \u00e4", Platform: "linux/amd64", Host: "go 1",
			Numbers: []lease.Number{{Name: "parts", Value: -lease.MaxCount}, {Name: "starts", Value: int64(n)}}},
	}
}

// complete fails for a field that is left zero: a store that lost it would not be noticed.
func complete(t *testing.T, structures ...any) {
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
