//go:build mongo

package mongo

import (
	"errors"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// What was charged before a node died is what the request is told by whoever completes it, whatever others have been charged or given back
// since.
func TestChargeStandsWhoeverCompletesIt(t *testing.T) {
	for point := range 16 {
		c := newScene(t, database(t))
		c.does("b", "b activates", counts(30))
		c.does("a", "a activates", counts(10))
		a := c.advance("a", "a prepays", counts(5), prepays)
		var told []licensing.Outcome
		a.Compose = func(o licensing.Outcome) (lease.Document, error) {
			told = append(told, o)
			return lease.Document("{}"), nil
		}
		dying := opened(t, c.uri)
		died := dying.dieAt(point)
		if _, err := dying.Advance(t.Context(), a); err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		charged, err := c.s.Meter(t.Context(), c.license)
		if err != nil {
			t.Fatal(err)
		}
		c.does("b", "b uses more", counts(1000))
		if _, err := c.s.Advance(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		c.whole()
		held, err := c.s.Activation(t.Context(), a.Key)
		if err != nil {
			t.Fatal(err)
		}
		want := licensing.Outcome{Used: 65, Counted: 15, Granted: 35}
		if charged.Used == 40 { // others came first
			want = licensing.Outcome{Used: 100, Counted: 10, Granted: 10}
		}
		last := told[len(told)-1]
		if held.Counted != want.Counted || held.Granted != want.Granted || last.Used != want.Used {
			t.Errorf("dead at point %d: stored %d and %d, told %+v, want %+v", point, held.Counted, held.Granted, last, want)
		}
		if !died() {
			return
		}
	}
	t.Error("there is always one more point")
}

// A license's installations come one after the other, and no two at a time: what the meter notes of each goes when its request has ended,
// so the document, which every request reads, does not grow with them.
func TestMeterForgetsWhoComesAlone(t *testing.T) {
	const installations = 3 * solitary
	c := newScene(t, database(t))
	most := 0
	for n := range installations {
		c.does(fmt.Sprint(n), fmt.Sprint(n, " activates"), counts(1), func(a *licensing.Advance) { a.Activate = &licensing.Activate{Limit: 1 << 30, Window: 1} })
		raw, err := one[bson.Raw](t.Context(), c.s.meters, with("_id", string(c.license)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := decodeMeter(raw)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(m.Traces))
	}
	if most > solitary+1 {
		t.Errorf("the meter noted %d of %d requests, none of which was under way", most, installations)
	}
	c.whole()
}

// A request that was decided when nothing was left is not paid from what comes back later: its claim has no part in the meter.
func TestNothingIsCountedThatWasNotCharged(t *testing.T) {
	c := newScene(t, database(t))
	c.does("a", "a activates", counts(10))
	c.does("b", "b activates", counts(10))
	other, dying := opened(t, c.uri), opened(t, c.uri)
	dies := func(s *Store, a licensing.Advance, until func(activation) bool) {
		t.Helper()
		for point := 0; ; point++ {
			s.dieAt(point)
			if _, err := s.Advance(t.Context(), a); !errors.Is(err, errCrash) {
				t.Fatalf("it did not come so far: %v", err)
			}
			d, err := one[activation](t.Context(), c.s.activations, with("_id", activationID(a.Key)))
			if err != nil {
				t.Fatal(err)
			}
			if until(d) {
				return
			}
		}
	}
	rest := c.advance("b", "b uses the rest", counts(80))
	dies(other, rest, func(activation) bool {
		m, err := c.s.Meter(t.Context(), c.license)
		return err == nil && m.Used == 100
	})
	a := c.advance("a", "a", counts(5), prepays, wants("seat"))
	dies(dying, a, func(d activation) bool { return d.Claim != nil && !d.Claim.Charges })
	c.s.patience = 0
	b := c.advance("b", "b another")
	if _, err := c.s.Advance(t.Context(), b); err != nil { // takes back what b has charged
		t.Fatal(err)
	}
	if _, err := c.s.Advance(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	c.whole()
	if held, err := c.s.Activation(t.Context(), a.Key); err != nil || held.Counted != 10 || held.Granted != 10 {
		t.Errorf("%d counted, %d granted: %v", held.Counted, held.Granted, err)
	}
}

// Documents from before there were prepayment, a past and statements are read, and go on.
func TestOldDocuments(t *testing.T) {
	c := newScene(t, database(t))
	c.does("a", "a activates", counts(10), wants("seat"))
	if err := errors.Join(
		c.strip(c.s.activations, activationID(c.key("a")), "granted", "past", "seen"),
		c.strip(c.s.products, "product", "list"),
		c.s.insert(t.Context(), c.s.settings, with("_id", epochID, "value", int64(17))),
	); err != nil {
		t.Fatal(err)
	}
	held, err := c.s.Activation(t.Context(), c.key("a"))
	if err != nil || held.Counted != 10 || held.Granted != 0 {
		t.Errorf("%+v, %v", held, err)
	}
	if p, err := c.s.KeysOf(t.Context(), "product"); err != nil || p.List != nil {
		t.Errorf("%+v, %v", p, err)
	}
	if e, err := c.s.Epoch(t.Context(), 5); err != nil || e != (licensing.Epoch{Value: 17}) {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := c.s.RaiseEpoch(t.Context(), 17, 1000); err != nil || e.Value <= 17 || e.Since != 1000 {
		t.Errorf("%+v, %v", e, err)
	}
	c.does("a", "a prepays", counts(5), prepays)
	c.whole()
	if held, err := c.s.Activation(t.Context(), c.key("a")); err != nil || held.Counted != 15 || held.Granted != 35 {
		t.Errorf("%d counted, %d granted: %v", held.Counted, held.Granted, err)
	}
}

// strip takes members out of a document.
func (c *scene) strip(from *mongo.Collection, id string, members ...string) error {
	unset := bson.D{}
	for _, m := range members {
		unset = append(unset, bson.E{Key: m, Value: ""})
	}
	_, err := c.s.change(c.t.Context(), from, byID(id), with("$unset", unset))
	return err
}
