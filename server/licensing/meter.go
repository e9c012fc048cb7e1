package licensing

import (
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// MeterCounters are the counters that the activations of a license share. A store keeps them in one document and changes them only by the
// methods of Meter, so that one conditional update enforces each limit.
type MeterCounters struct {
	Used             int64      // calls charged
	Period           lease.Time // start of the current period of the allowance; 0: it has no periods
	UsedBeforePeriod int64      // Used when that period began
	Machines         int64      // activated now
	Places           int64      // used places of the allowed machines: by open activations and by those that vacated theirs
	WindowFrom       lease.Time // of the window of activations
	WindowCount      int64      // activations in it
	MovesFrom        lease.Time // of the window of moves
	Moves            int64      // in it
	LastActivation   lease.Time
}

// Meter holds the counters of a license, the closed periods and the vacated places, the latest last. Its methods never modify the elements
// of these lists, so a copy of a meter is independent.
type Meter struct {
	MeterCounters
	ClosedPeriods []Period
	VacatedBy     []lease.Hash // activations that closed themselves and whose place nobody has taken since
}

// Period holds the calls that were charged in one period of the allowance.
type Period struct {
	From lease.Time `json:"from"`
	Used int64      `json:"used"`
}

// maxClosedPeriods is the number of closed periods that a meter keeps. Leasing copies them into entries before they are dropped.
const maxClosedPeriods = 12

// maxVacated is the number of vacated places that a meter remembers. An installation whose place is forgotten returns like any newcomer.
const maxVacated = 16

// Equal reports whether two meters are equal. ClosedPeriods is not compared: a period is closed only when another begins.
func (m *Meter) Equal(o *Meter) bool {
	return m.MeterCounters == o.MeterCounters && slices.Equal(m.VacatedBy, o.VacatedBy)
}

// Charge applies a charge for one activation, which has counted and been charged that many calls before, and returns the totals after it.
func (m *Meter) Charge(c UsageCharge, counted, granted int64) UsageTotals {
	a := c.Apply(m.Totals(counted, granted))
	m.Used, m.Period, m.UsedBeforePeriod = a.Used, a.Period, a.UsedBeforePeriod
	if a.ClosedPeriod != (Period{}) {
		m.ClosedPeriods = append(m.ClosedPeriods[max(0, len(m.ClosedPeriods)-maxClosedPeriods+1):len(m.ClosedPeriods):len(m.ClosedPeriods)],
			a.ClosedPeriod)
	}
	return a
}

// Totals returns the totals of an activation that has counted and been charged that many calls.
func (m *Meter) Totals(counted, granted int64) UsageTotals {
	return UsageTotals{Counted: counted, Charged: granted, Used: m.Used, Period: m.Period, UsedBeforePeriod: m.UsedBeforePeriod}
}

// Join takes a machine's place for an activation. It returns a *LimitError, and changes nothing, if a limit does not allow it.
//
// A window of activations begins with the first activation after the last window ended. A newcomer takes a place that was never used, as
// long as there is one; after that it takes a place that another installation has vacated, which counts as a transfer. Returning to one's
// own place and taking a place that the vendor has released is no transfer.
func (m *Meter) Join(l *ActivationLimits, now lease.Time, activation lease.Hash) error {
	is := *m
	if is.WindowCount == 0 || now >= is.WindowFrom+lease.Time(l.Window) {
		is.WindowFrom, is.WindowCount = now, 0
	}
	//mutant:tests never: activations have a limit in each window
	if l.Limit.Reached(is.WindowCount) {
		return &LimitError{license.CodeActivationLimit, fmt.Sprintf("%d activations in %d ms", l.Limit, l.Window),
			is.WindowFrom + lease.Time(l.Window)}
	}
	//mutant:tests never: machines have a limit
	if l.MaxMachines.Reached(is.Machines) {
		return &LimitError{Code: license.CodeMachineLimit, Detail: fmt.Sprintf("%d machines", l.MaxMachines)}
	}
	switch {
	//mutant:tests drop 1: who comes back to its own place does not move
	case !l.Elsewhere && is.removeVacated(activation) || l.MaxMachines == Unlimited:
	case !l.MaxMachines.Reached(is.Places):
		is.Places++
	default:
		if is.Moves == 0 || now >= is.MovesFrom+lease.Time(l.TransferWindow) {
			is.MovesFrom, is.Moves = now, 0
		}
		//mutant:tests never: moves have a limit
		if l.TransferLimit.Reached(is.Moves) {
			return &LimitError{license.CodeMoveLimit, fmt.Sprintf("%d moves in %d ms", l.TransferLimit, l.TransferWindow),
				is.MovesFrom + lease.Time(l.TransferWindow)}
		}
		is.Moves++
		if !is.removeVacated(activation) {
			is.VacatedBy = is.VacatedBy[min(1, len(is.VacatedBy)):] // the place that was vacated first
		}
	}
	is.WindowCount++
	is.Machines++
	is.Places = max(is.Places, is.Machines)
	is.LastActivation = now
	*m = is
	return nil
}

// Leave vacates the place of an activation. The place stays used: another installation that takes it is charged a transfer.
func (m *Meter) Leave(activation lease.Hash) {
	m.removeVacated(activation)
	m.Machines = max(0, m.Machines-1)
	m.VacatedBy = append(m.VacatedBy[max(0, len(m.VacatedBy)-maxVacated+1):len(m.VacatedBy):len(m.VacatedBy)], activation)
}

// Release frees the place of an activation for the vendor, so that a newcomer may take it without a transfer. active distinguishes an open
// activation from one that has vacated its place.
func (m *Meter) Release(activation lease.Hash, active bool) {
	if active {
		m.Machines = max(0, m.Machines-1)
	} else if !m.removeVacated(activation) {
		return
	}
	//mutant:tests remove: what the vendor frees is no move
	m.Places = max(m.Machines, m.Places-1)
}

// removeVacated removes the activation from the vacated places and reports whether it was there.
func (m *Meter) removeVacated(activation lease.Hash) bool {
	at := slices.Index(m.VacatedBy, activation)
	if at >= 0 {
		m.VacatedBy = slices.Delete(slices.Clone(m.VacatedBy), at, at+1)
	}
	return at >= 0
}

// ReactivationBudget is the number of re-activations that an installation has in its long window.
const ReactivationBudget = 3
