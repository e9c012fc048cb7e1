package licensing_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

func TestAdvancePreconditions(t *testing.T) {
	t.Parallel()
	head := lease.Position{Generation: 2, Number: 7, Link: lease.OriginLink}
	next := lease.Position{Generation: 2, Number: 8, Link: lease.OriginLink}
	open := licensing.Activation{Head: head, Request: "a"}
	open.Reactivations.Revision = 3
	closed := open
	closed.Closed = 5
	onto := func(revision int64) *licensing.ReactivationLimits {
		return &licensing.ReactivationLimits{History: licensing.ReactivationHistory{Revision: revision}}
	}
	for name, c := range map[string]struct {
		stored  licensing.Activation
		advance licensing.Advance
		isStale bool
	}{
		"next lease":         {open, licensing.Advance{From: head, To: next, Revision: 9}, false},
		"license was edited": {open, licensing.Advance{From: head, To: next, Revision: 8}, true},
		"another head":       {open, licensing.Advance{From: next, To: next, Revision: 9}, true},
		"no activation":      {licensing.Activation{}, licensing.Advance{To: next, Revision: 9}, true},
		"first activation": {licensing.Activation{}, licensing.Advance{To: next, Revision: 9,
			NewActivation: &licensing.ActivationLimits{}}, false},
		"first activation of an open one": {open, licensing.Advance{From: head, To: next, Revision: 9,
			NewActivation: &licensing.ActivationLimits{}}, true},
		"closed": {closed, licensing.Advance{From: head, To: next, Revision: 9}, true},
		"activation after closing": {closed, licensing.Advance{From: head, To: next, Revision: 9,
			NewActivation: &licensing.ActivationLimits{}}, false},
		"re-activation":                      {open, licensing.Advance{From: head, To: next, Revision: 9, Reactivation: onto(4)}, false},
		"re-activation on an older history":  {open, licensing.Advance{From: head, To: next, Revision: 9, Reactivation: onto(3)}, true},
		"re-activation that skips a history": {open, licensing.Advance{From: head, To: next, Revision: 9, Reactivation: onto(5)}, true},
	} {
		if err := c.advance.CheckPreconditions(9, &c.stored); errors.Is(err, licensing.ErrStale) != c.isStale || err != nil && !c.isStale {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		advance licensing.Advance
		want    bool
	}{
		"the same request": {licensing.Advance{To: head, Request: "a"}, true},
		"another request":  {licensing.Advance{To: head, Request: "b"}, false},
		"another head":     {licensing.Advance{To: next, Request: "a"}, false},
	} {
		if got := c.advance.IsAnsweredBy(&open); got != c.want {
			t.Errorf("%s: answered %t", name, got)
		}
	}
}

func TestReactivationBudgetRule(t *testing.T) {
	t.Parallel()
	const budget, window = 2, 100
	stored := licensing.Activation{Head: lease.Position{Generation: 1, Number: 1}}
	reactivate := func(now lease.Time) error {
		a := licensing.Advance{Now: now, Reactivation: &licensing.ReactivationLimits{Budget: budget, Window: window,
			History: licensing.ReactivationHistory{Revision: stored.Reactivations.Revision + 1}}}
		a.To.Generation = 1
		next, err := a.NextActivation(stored, licensing.UsageTotals{})
		if err != nil && !reflect.DeepEqual(next, stored) {
			t.Errorf("at %d: a refusal changed the activation to %+v", now, next)
		}
		stored = next
		return err
	}
	for _, c := range []struct {
		now, retryAt lease.Time // retryAt 0: accepted
		count        int64
	}{
		{1000, 0, 1}, {1050, 0, 2}, {1099, 1100, 2}, {1100, 0, 1}, {1120, 0, 2}, {1199, 1200, 2},
		{5000, 0, 1}, // a window begins with the first re-activation after the last one
		{5050, 0, 2}, {5099, 5100, 2},
	} {
		err := reactivate(c.now)
		var limit *licensing.LimitError
		switch {
		case c.retryAt == 0 && err != nil:
			t.Errorf("at %d: %v", c.now, err)
		case c.retryAt != 0 && (!errors.As(err, &limit) || limit.Code != license.CodeRestoredTooOften || limit.RetryAt != c.retryAt):
			t.Errorf("at %d: %v, want a refusal until %d", c.now, err, c.retryAt)
		}
		if stored.ReactivationCount != c.count {
			t.Errorf("at %d: %d re-activations, want %d", c.now, stored.ReactivationCount, c.count)
		}
	}
	head, history := stored.Head, licensing.ReactivationHistory{Revision: stored.Reactivations.Revision + 1}
	if err := stored.ReplaceHistory(lease.Position{Generation: 7}, history, true); !errors.Is(err, licensing.ErrStale) {
		t.Errorf("history of another head: %v", err)
	}
	if err := stored.ReplaceHistory(head, stored.Reactivations, true); !errors.Is(err, licensing.ErrStale) || stored.ReactivationCount != 2 {
		t.Errorf("history that was replaced already: %v, %d re-activations", err, stored.ReactivationCount)
	}
	if err := stored.ReplaceHistory(head, history, false); err != nil || stored.ReactivationCount != 2 {
		t.Errorf("%v, %d re-activations", err, stored.ReactivationCount)
	}
	history.Revision++
	if err := stored.ReplaceHistory(head, history,
		true); err != nil || stored.ReactivationCount != 0 || stored.Reactivations.Revision != history.Revision {
		t.Errorf("reset: %v, %+v", err, stored)
	}
}

func TestApplyAdvance(t *testing.T) {
	t.Parallel()
	key := licensing.ActivationKey{License: "l", Activation: "a"}
	first := licensing.Advance{Key: key, Org: "o", Device: "d", To: lease.Position{Generation: 1, Number: 1}, Request: "r1", Now: 10,
		UsageCharge: licensing.UsageCharge{Counted: 3, Allowance: 10}, NewActivation: &licensing.ActivationLimits{Limit: 1, Window: 100,
			MaxMachines: 1}}
	var meter licensing.Meter
	stored, totals, err := first.Apply(licensing.Activation{}, &meter)
	want := licensing.Activation{ActivationKey: key, Organisation: "o", Device: "d", Head: first.To, Request: "r1", Counted: 3, Charged: 3,
		Created: 10, LastSync: 10}
	if err != nil || !reflect.DeepEqual(stored, want) || totals.Used != 3 || meter.Used != 3 || meter.Machines != 1 {
		t.Fatalf("%v\ngot  %+v\nwant %+v\nmeter %+v", err, stored, want, meter)
	}
	second := first
	second.Key.Activation = "b"
	refused := meter
	if _, _, err := second.Apply(licensing.Activation{}, &refused); err == nil || !refused.Equal(&meter) {
		t.Errorf("a second activation in the window: %v", err)
	}
	bye := licensing.Advance{Key: key, Org: "o", Device: "d", From: first.To, To: lease.Position{Generation: 1, Number: 2}, Request: "r2",
		Now:         20,
		UsageCharge: licensing.UsageCharge{Counted: 12, Allowance: 10}, Goodbye: true}
	stored, _, err = bye.Apply(stored, &meter)
	if err != nil || stored.Closed != 20 || stored.Created != 10 || stored.Counted != 10 || meter.Used != 10 || meter.Machines != 0 ||
		meter.Places != 1 {
		t.Errorf("goodbye: %v, %+v, %+v", err, stored, meter)
	}
}
