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

// What was charged before a node died is in the reply of the request that completes the advance, whatever others have been charged or given
// back since.
func TestChargeIsTheSameWhoeverCompletesIt(t *testing.T) {
	for point := range 16 {
		c := newScene(t, newDatabase(t))
		c.mustAdvance("b", "b activates", countsCalls(30))
		c.mustAdvance("a", "a activates", countsCalls(10))
		a := c.advance("a", "a prepays", countsCalls(5), prepaysBlock)
		var told []licensing.Outcome
		a.Lease = func(o licensing.Outcome) (lease.Document, error) {
			told = append(told, o)
			return lease.Document("{}"), nil
		}
		dying := openStore(t, c.uri)
		died := dying.crashAt(point)
		if _, err := dying.Advance(t.Context(), a); err != nil && !errors.Is(err, errCrashed) {
			t.Fatal(err)
		}
		charged, err := c.s.Meter(t.Context(), c.license)
		if err != nil {
			t.Fatal(err)
		}
		c.mustAdvance("b", "b uses more", countsCalls(1000))
		if _, err := c.s.Advance(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		c.checkSums()
		held, err := c.s.Activation(t.Context(), a.Key)
		if err != nil {
			t.Fatal(err)
		}
		want := licensing.Outcome{Used: 65, Counted: 15, Charged: 35}
		if charged.Used == 40 { // others came first
			want = licensing.Outcome{Used: 100, Counted: 10, Charged: 10}
		}
		last := told[len(told)-1]
		if held.Counted != want.Counted || held.Charged != want.Charged || last.Used != want.Used {
			t.Errorf("dead at point %d: stored %d and %d, told %+v, want %+v", point, held.Counted, held.Charged, last, want)
		}
		if !died() {
			return
		}
	}
	t.Error("the points do not end")
}

// A license's installations come one after the other, never two at a time. The meter drops its trace of each when its request has ended, so
// the document, which every request reads, does not grow with their number.
func TestMeterPrunesTraces(t *testing.T) {
	const installations = 3 * maxUnprunedTraces
	c := newScene(t, newDatabase(t))
	most := 0
	for n := range installations {
		c.mustAdvance(fmt.Sprint(n), fmt.Sprint(n, " activates"), countsCalls(1),
			func(a *licensing.Advance) {
				a.NewActivation = &licensing.ActivationLimits{
					Limit: 1 << 30, Window: 1, MaxMachines: licensing.Unlimited, TransferLimit: licensing.Unlimited,
				}
			})
		raw, err := findOne[bson.Raw](t.Context(), c.s.meters, newDoc("_id", string(c.license)))
		if err != nil {
			t.Fatal(err)
		}
		m, err := decodeMeter(raw)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(m.Traces))
	}
	if most > maxUnprunedTraces+1 {
		t.Errorf("the meter has traces of %d of %d requests, none of which is in progress", most, installations)
	}
	c.checkSums()
}

// A request that was decided when no calls were left is not paid from calls that come back later: its claim does not charge the meter.
func TestCountedCallsAreCharged(t *testing.T) {
	c := newScene(t, newDatabase(t))
	c.mustAdvance("a", "a activates", countsCalls(10))
	c.mustAdvance("b", "b activates", countsCalls(10))
	other, dying := openStore(t, c.uri), openStore(t, c.uri)
	dies := func(s *Store, a licensing.Advance, until func(activation) bool) {
		t.Helper()
		for point := 0; ; point++ {
			s.crashAt(point)
			if _, err := s.Advance(t.Context(), a); !errors.Is(err, errCrashed) {
				t.Fatalf("the deletion did not get that far: %v", err)
			}
			d, err := findOne[activation](t.Context(), c.s.activations, newDoc("_id", activationID(a.Key)))
			if err != nil {
				t.Fatal(err)
			}
			if until(d) {
				return
			}
		}
	}
	rest := c.advance("b", "b uses the rest", countsCalls(80))
	dies(other, rest, func(activation) bool {
		m, err := c.s.Meter(t.Context(), c.license)
		return err == nil && m.Used == 100
	})
	a := c.advance("a", "a", countsCalls(5), prepaysBlock, reserves("seat"))
	dies(dying, a, func(d activation) bool { return d.Claim != nil && !d.Claim.Charges })
	c.s.abandonedAfter = 0
	b := c.advance("b", "b another")
	if _, err := c.s.Advance(t.Context(), b); err != nil { // undoes what b has charged
		t.Fatal(err)
	}
	if _, err := c.s.Advance(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	c.checkSums()
	if held, err := c.s.Activation(t.Context(), a.Key); err != nil || held.Counted != 10 || held.Charged != 10 {
		t.Errorf("%d counted, %d granted: %v", held.Counted, held.Charged, err)
	}
}

// Documents from before prepayment, re-activation history and statements are read and continued.
func TestDocumentsOfOlderVersions(t *testing.T) {
	c := newScene(t, newDatabase(t))
	c.mustAdvance("a", "a activates", countsCalls(10), reserves("seat"))
	if err := errors.Join(
		c.strip(c.s.activations, activationID(c.key("a")), "granted", "past", "seen"),
		c.strip(c.s.products, "product", "list"),
		c.s.insert(t.Context(), c.s.settings, newDoc("_id", epochID, "value", int64(17))),
	); err != nil {
		t.Fatal(err)
	}
	held, err := c.s.Activation(t.Context(), c.key("a"))
	if err != nil || held.Counted != 10 || held.Charged != 0 {
		t.Errorf("%+v, %v", held, err)
	}
	if p, err := c.s.ProductWithKeys(t.Context(), "product"); err != nil || p.Statement != nil {
		t.Errorf("%+v, %v", p, err)
	}
	if e, err := c.s.Epoch(t.Context(), 5); err != nil || e != (licensing.Epoch{Value: 17}) {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := c.s.RaiseEpoch(t.Context(), 17, 1000); err != nil || e.Value <= 17 || e.Since != 1000 {
		t.Errorf("%+v, %v", e, err)
	}
	c.mustAdvance("a", "a prepays", countsCalls(5), prepaysBlock)
	c.checkSums()
	if held, err := c.s.Activation(t.Context(), c.key("a")); err != nil || held.Counted != 15 || held.Charged != 35 {
		t.Errorf("%d counted, %d granted: %v", held.Counted, held.Charged, err)
	}
}

// strip removes members from a document.
func (c *scene) strip(from *mongo.Collection, id string, members ...string) error {
	unset := bson.D{}
	for _, m := range members {
		unset = append(unset, bson.E{Key: m, Value: ""})
	}
	_, err := c.s.updateOne(c.t.Context(), from, byID(id), newDoc("$unset", unset))
	return err
}
