package licensing

import (
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Tally is what the activations of a license have in common. A store keeps it in one document and changes it only by the functions here,
// so that each limit is kept by one conditional update.
type Tally struct {
	Used           int64      // calls charged
	Period         lease.Time // start of the allowance's present period; 0: it has none
	Before         int64      // Used when that period began
	Machines       int64      // activated now
	Places         int64      // of the machines allowed, those that were taken: by who is there, or by who gave them up by themselves
	WindowFrom     lease.Time // of the window of activations
	WindowCount    int64      // activations in it
	MovesFrom      lease.Time // of the window of moves
	Moves          int64      // in it
	LastActivation lease.Time
}

// Meter is a tally with the periods that are over and with who has given up its place, the latest at the end. Its functions never change
// what stands in these lists, so a copy of a meter keeps its own.
type Meter struct {
	Tally
	Closed []Period
	Left   []lease.Hash // activations that closed themselves and whose place nobody has taken
}

// Period is what was charged in one period of the allowance.
type Period struct {
	From lease.Time `json:"from"`
	Used int64      `json:"used"`
}

// mostPeriods is how many closed periods a meter keeps; from there they are copied into entries (usage.go).
const mostPeriods = 12

// mostLeft is how many of those who gave up their place a meter remembers. Who is forgotten comes back like any other.
const mostLeft = 16

// Same tells whether two meters say the same. A period is closed only by beginning another.
func (m *Meter) Same(o *Meter) bool { return m.Tally == o.Tally && slices.Equal(m.Left, o.Left) }

// Charge changes the tally by what one activation is charged, and gives the activation's account after it.
func (m *Meter) Charge(c Charge, counted, granted int64) Account {
	a := c.Apply(m.Account(counted, granted))
	m.Used, m.Period, m.Before = a.Used, a.Period, a.Before
	if a.Closed != (Period{}) {
		m.Closed = append(m.Closed[max(0, len(m.Closed)-mostPeriods+1):len(m.Closed):len(m.Closed)], a.Closed)
	}
	return a
}

// Account is that of an activation which has counted and been granted so much.
func (m *Meter) Account(counted, granted int64) Account {
	return Account{Counted: counted, Granted: granted, Used: m.Used, Period: m.Period, Before: m.Before}
}

// Admit takes a machine's place for an activation, or says which limit is in the way.
//
// A window of activations begins with the first one after the last window ended. A newcomer takes a place that nobody has had yet, as long as
// there is one: after that it can only have a place which another has given up, and that is a move. Who comes back to its own place, and who
// takes one that the vendor has freed, is no move.
func (m *Meter) Admit(l *Activate, now lease.Time, who lease.Hash) error {
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
	case !l.Elsewhere && is.forget(who) || l.MaxMachines == 0:
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
		if !is.forget(who) {
			is.Left = is.Left[min(1, len(is.Left)):] // that one's place
		}
	}
	is.WindowCount++
	is.Machines++
	is.Places = max(is.Places, is.Machines)
	is.LastActivation = now
	*m = is
	return nil
}

// Depart gives up an activation's place, which stays taken: whoever else comes for it moves.
func (m *Meter) Depart(who lease.Hash) {
	m.forget(who)
	m.Machines = max(0, m.Machines-1)
	m.Left = append(m.Left[max(0, len(m.Left)-mostLeft+1):len(m.Left):len(m.Left)], who)
}

// Free takes the place of an activation for the vendor, one that is there or one that it has given up: a newcomer may have it.
func (m *Meter) Free(who lease.Hash, there bool) {
	if there {
		m.Machines = max(0, m.Machines-1)
	} else if !m.forget(who) {
		return
	}
	//mutant:tests remove: what the vendor frees is no move
	m.Places = max(m.Machines, m.Places-1)
}

// forget tells whether the activation has given up its place and nobody has taken it; that is then over.
func (m *Meter) forget(who lease.Hash) bool {
	at := slices.Index(m.Left, who)
	if at >= 0 {
		m.Left = slices.Delete(slices.Clone(m.Left), at, at+1)
	}
	return at >= 0
}
