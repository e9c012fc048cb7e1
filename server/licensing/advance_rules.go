package licensing

import (
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// The rules of an advance that do not depend on how a store keeps its records. They change nothing but their arguments, so a store calls
// them on copies and stores the result, all of it or nothing.

// isOpen reports whether the activation exists and is not closed. The zero Activation stands for one that does not exist: the head of each
// activation that was ever advanced has a generation.
func (a *Activation) isOpen() bool { return a.Head.Generation > 0 && a.Closed == 0 }

// IsAnsweredBy reports whether the stored activation is at the advance's new head already, by the same request. Then its lease is the reply
// and nothing is changed: the same request twice counts once.
func (a *Advance) IsAnsweredBy(stored *Activation) bool {
	return stored.Head == a.To && stored.Request == a.Request
}

// CheckPreconditions returns ErrStale unless what the advance was decided on is still what is stored: the license's revision, the head of
// the activation, whether the activation is open, and the revision of its re-activation history. stored is the zero Activation when there
// is none.
func (a *Advance) CheckPreconditions(licenseRevision int64, stored *Activation) error {
	if licenseRevision != a.Revision || stored.Head != a.From || stored.isOpen() == (a.NewActivation != nil) {
		return ErrStale
	}
	return a.CheckHistory(stored)
}

// CheckHistory returns ErrStale unless the re-activation history that the advance brings follows the stored one. An advance that
// re-activates nothing brings none.
func (a *Advance) CheckHistory(stored *Activation) error {
	if a.Reactivation == nil {
		return nil
	}
	return a.Reactivation.History.checkFollows(&stored.Reactivations)
}

// checkFollows returns ErrStale unless the history is the one right after the given one.
func (h *ReactivationHistory) checkFollows(before *ReactivationHistory) error {
	if before.Revision != h.Revision-1 {
		return ErrStale
	}
	return nil
}

// ReplaceHistory sets the activation's re-activation history, and with resetBudget gives it its whole budget of re-activations again. It
// returns ErrStale, and changes nothing, unless the head is the given one and the history follows the present one.
func (a *Activation) ReplaceHistory(head lease.Position, history ReactivationHistory, resetBudget bool) error {
	if a.Head != head {
		return ErrStale
	}
	if err := history.checkFollows(&a.Reactivations); err != nil {
		return err
	}
	a.Reactivations = history
	if resetBudget {
		a.ReactivationCount, a.ReactivationWindowStart = 0, 0
	}
	return nil
}

// Apply returns the stored activation as it is after the advance, but for its lease, and what is charged by then. It changes the meter,
// which may be half changed when a limit refuses the advance: pass a copy.
func (a *Advance) Apply(stored Activation, meter *Meter) (Activation, UsageTotals, error) {
	totals, err := a.ChargeMeter(meter, &stored)
	if err != nil {
		return stored, totals, err
	}
	next, err := a.NextActivation(stored, totals)
	if a.Goodbye {
		meter.Leave(a.Key.Activation)
	}
	return next, totals, err
}

// ChargeMeter changes a license's meter by what the advance takes of it: a machine's place for a new activation, and the calls. It returns
// what is charged after that, or the *LimitError that is in the way of the activation; then the meter is as before. The place that a
// goodbye gives up is not part of it (Meter.Leave).
func (a *Advance) ChargeMeter(meter *Meter, stored *Activation) (UsageTotals, error) {
	if a.NewActivation != nil {
		if err := meter.Join(a.NewActivation, a.Now, a.Key.Activation); err != nil {
			return UsageTotals{}, err
		}
	}
	return meter.Charge(a.UsageCharge, stored.Counted, stored.Charged), nil
}

// NextActivation returns the stored activation as it is after the advance, but for its lease, when this much is charged by then. It returns
// a *LimitError when the budget of re-activations is used up.
func (a *Advance) NextActivation(stored Activation, totals UsageTotals) (Activation, error) {
	next := stored
	if a.NewActivation != nil {
		next.Created, next.Closed = a.Now, 0
	}
	if a.Reactivation != nil {
		if err := next.reactivate(a.Reactivation, a.Now); err != nil {
			return stored, err
		}
	}
	if a.Goodbye {
		next.Closed = a.Now
	}
	next.ActivationKey, next.Organisation, next.Device = a.Key, a.Org, a.Device
	next.Head, next.Request, next.LastSync, next.LastReport = a.To, a.Request, a.Now, a.LastReport
	next.Counted, next.Charged = totals.Counted, totals.Charged
	return next, nil
}

// reactivate charges the activation's own budget of re-activations and sets its history. A window begins with the first re-activation after
// the last window ended. It returns a *LimitError, and changes nothing, when the window's budget is used up.
func (a *Activation) reactivate(l *ReactivationLimits, now lease.Time) error {
	count, start := a.ReactivationCount, a.ReactivationWindowStart
	if count == 0 || now >= start+lease.Time(l.Window) {
		count, start = 0, now
	}
	if count >= l.Budget {
		return &LimitError{license.CodeRestoredTooOften, fmt.Sprintf("%d re-activations in %d ms", count, l.Window), start + lease.Time(l.Window)}
	}
	a.ReactivationCount, a.ReactivationWindowStart, a.Reactivations = count+1, start, l.History
	return nil
}
