package licensing

import (
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// MeterCounters is what the activations of a license have in common. A store keeps it in one document and changes it only by the functions here,
// so that each limit is kept by one conditional update.
type MeterCounters struct {
	Used             int64      // calls charged
	Period           lease.Time // start of the allowance's present period; 0: it has none
	UsedBeforePeriod int64      // Used when that period began
	Machines         int64      // activated now
	Places           int64      // of the machines allowed, those that were taken: by who is there, or by who gave them up by themselves
	WindowFrom       lease.Time // of the window of activations
	WindowCount      int64      // activations in it
	MovesFrom        lease.Time // of the window of moves
	Moves            int64      // in it
	LastActivation   lease.Time
}

// Meter is a tally with the periods that are over and with who has given up its place, the latest at the end. Its functions never change
// what stands in these lists, so a copy of a meter keeps its own.
type Meter struct {
	MeterCounters
	ClosedPeriods []Period
	VacatedBy     []lease.Hash // activations that closed themselves and whose place nobody has taken
}

// Period is what was charged in one period of the allowance.
type Period struct {
	From lease.Time `json:"from"`
	Used int64      `json:"used"`
}

// maxClosedPeriods is how many closed periods a meter keeps; from there they are copied into entries (usage.go).
const maxClosedPeriods = 12

// maxVacated is how many of those who gave up their place a meter remembers. Who is forgotten comes back like any other.
const maxVacated = 16

// Equal tells whether two meters say the same. A period is closed only by beginning another.
func (m *Meter) Equal(o *Meter) bool {
	return m.MeterCounters == o.MeterCounters && slices.Equal(m.VacatedBy, o.VacatedBy)
}

// Charge changes the tally by what one activation is charged, and gives the activation's account after it.
func (m *Meter) Charge(c UsageCharge, counted, granted int64) UsageTotals {
	a := c.Apply(m.Totals(counted, granted))
	m.Used, m.Period, m.UsedBeforePeriod = a.Used, a.Period, a.UsedBeforePeriod
	if a.ClosedPeriod != (Period{}) {
		m.ClosedPeriods = append(m.ClosedPeriods[max(0, len(m.ClosedPeriods)-maxClosedPeriods+1):len(m.ClosedPeriods):len(m.ClosedPeriods)], a.ClosedPeriod)
	}
	return a
}

// Totals is that of an activation which has counted and been granted so much.
func (m *Meter) Totals(counted, granted int64) UsageTotals {
	return UsageTotals{Counted: counted, Charged: granted, Used: m.Used, Period: m.Period, UsedBeforePeriod: m.UsedBeforePeriod}
}

// Join takes a machine's place for an activation, or says which limit is in the way.
//
// A window of activations begins with the first one after the last window ended. A newcomer takes a place that nobody has had yet, as long as
// there is one: after that it can only have a place which another has given up, and that is a move. Who comes back to its own place, and who
// takes one that the vendor has freed, is no move.
func (m *Meter) Join(l *ActivationLimits, now lease.Time, who lease.Hash) error {
	is := *m
	if is.WindowCount == 0 || now >= is.WindowFrom+lease.Time(l.Window) {
		is.WindowFrom, is.WindowCount = now, 0
	}
	//mutant:tests never: activations have a limit in each window
	if is.WindowCount >= l.Limit {
		return &Limit{license.CodeActivationLimit, fmt.Sprintf("%d activations in %d ms", l.Limit, l.Window), is.WindowFrom + lease.Time(l.Window)}
	}
	//mutant:tests never: machines have a limit
	if l.MaxMachines > 0 && is.Machines >= l.MaxMachines {
		return &Limit{Code: license.CodeMachineLimit, Detail: fmt.Sprintf("%d machines", l.MaxMachines)}
	}
	switch {
	//mutant:tests drop 1: who comes back to its own place does not move
	case !l.Elsewhere && is.removeVacated(who) || l.MaxMachines == 0:
	case is.Places < l.MaxMachines:
		is.Places++
	default:
		if is.Moves == 0 || now >= is.MovesFrom+lease.Time(l.MoveWindow) {
			is.MovesFrom, is.Moves = now, 0
		}
		//mutant:tests never: moves have a limit
		if l.MoveLimit > 0 && is.Moves >= l.MoveLimit {
			return &Limit{license.CodeMoveLimit, fmt.Sprintf("%d moves in %d ms", l.MoveLimit, l.MoveWindow), is.MovesFrom + lease.Time(l.MoveWindow)}
		}
		is.Moves++
		if !is.removeVacated(who) {
			is.VacatedBy = is.VacatedBy[min(1, len(is.VacatedBy)):] // that one's place
		}
	}
	is.WindowCount++
	is.Machines++
	is.Places = max(is.Places, is.Machines)
	is.LastActivation = now
	*m = is
	return nil
}

// Leave gives up an activation's place, which stays taken: whoever else comes for it moves.
func (m *Meter) Leave(who lease.Hash) {
	m.removeVacated(who)
	m.Machines = max(0, m.Machines-1)
	m.VacatedBy = append(m.VacatedBy[max(0, len(m.VacatedBy)-maxVacated+1):len(m.VacatedBy):len(m.VacatedBy)], who)
}

// Release takes the place of an activation for the vendor, one that is there or one that it has given up: a newcomer may have it.
func (m *Meter) Release(who lease.Hash, there bool) {
	if there {
		m.Machines = max(0, m.Machines-1)
	} else if !m.removeVacated(who) {
		return
	}
	//mutant:tests remove: what the vendor frees is no move
	m.Places = max(m.Machines, m.Places-1)
}

// removeVacated tells whether the activation has given up its place and nobody has taken it; that is then over.
func (m *Meter) removeVacated(who lease.Hash) bool {
	at := slices.Index(m.VacatedBy, who)
	if at >= 0 {
		m.VacatedBy = slices.Delete(slices.Clone(m.VacatedBy), at, at+1)
	}
	return at >= 0
}

// ReactivationBudget is how many re-activations an installation has in its long window.
const ReactivationBudget = 3
