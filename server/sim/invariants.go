package sim

import (
	"slices"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/wasm/abi"
)

// The invariants of every world:
//
//   - A client accepts only what the server has issued (no forged right).
//   - No more installations hold an entitlement than it has slots, nor are activated than the license allows, except for what a server
//     that was rolled back has granted before any program could prove the rollback.
//   - A lease expires in time, and a final refusal ends the work.
//   - A machine that was never copied is never reported as a clone; without a rollback of its disk or the server it never re-activates.
//   - Two running copies are reported as clones, or refused, before the budget of re-activations is used up.
//   - A crash costs no more calls than the journal allows (Machine.Stop).
//   - In the end, when all faults are repaired: every machine that was not copied works, and every call that a program was granted was
//     charged exactly once, except for what crashes and restores have cost.
//   - Prepaid calls are never used twice by restoring a disk.

// checkInvariants checks a machine after each step.
func (m *Machine) checkInvariants() {
	one, ok := m.License()
	if !ok {
		return
	}
	w := m.w
	if m.Codes[license.CodeCloned] > 0 && !m.copied && !m.LyingDisk {
		w.fault("%s: is called a clone and is none", m.Name)
		m.Codes[license.CodeCloned] = 0
	}
	if one.Number == 0 {
		return
	}
	// A correct clock ends a lease in time; only an exchange that began before is waited for. (A clock that is corrected while the
	// machine sleeps loses that sleep: nothing else has measured it.)
	if one.Verdict.OK && m.ClockOffset == 0 && m.steady && m.w.now > one.NotAfter+lease.Time(minute) && one.State == "ready" {
		w.fault("%s: goes on with a lease that ended %.1f h ago", m.Name, float64(m.w.now-one.NotAfter)/float64(hour))
	}
	if one.Activation != m.activation { // a new activation
		// What the old one had not reported is refused with it, and nothing proves any more what a rollback took from it.
		used := m.used - one.Pending
		old, _ := w.Server.Activation(m.activation)
		m.lost += max(m.lostHere+used-m.confirmed, used-m.before-old.Counted, 0)
		m.before, m.lostHere, m.confirmed = m.used-one.Pending, 0, m.used-one.Pending
		m.activation, m.position = one.Activation, lease.Position{}
	}
	position := lease.Position{Generation: one.Generation, Number: one.Number}
	if position == m.position {
		return
	}
	if document, _, _ := strings.Cut(one.Receipt, "\n"); !w.Network.issued[document] {
		w.fault("%s: believes what the server never said: %s", m.Name, document)
	}
	m.leases++
	m.note("has %d.%d of epoch %d, counted %d of %d used, holds %v", one.Generation, one.Number, w.Server.epoch, one.Counters.Counted, m.used,
		one.Reservations)
	if m.position.Number > 0 && position.Number == 1 {
		m.lostHere = max(m.lostHere, m.used-m.before-one.Counters.Counted)
		if !m.copied && m.restored == 0 && w.Server.healingUntil == 0 && !m.LyingDisk {
			w.fault("%s: activates anew (%d.%d after %d.%d), and nothing was rolled back", m.Name, position.Generation, position.Number,
				m.position.Generation, m.position.Number)
		}
	}
	m.position, m.confirmed = position, m.used-one.Pending
	if w.Server.undetectedRollback {
		for _, r := range one.Reservations {
			m.excess[r.Entitlement] = true
		}
		m.excess[""] = true
	}
	for e := range m.excess {
		if e != "" && !holds(one, e) {
			delete(m.excess, e)
		}
	}
	w.checkSeats()
}

// checkRefusal checks that a final refusal stops a machine at once, whatever the last lease says.
func (m *Machine) checkRefusal(e abi.Event) {
	for _, code := range []license.Code{license.CodeSuspended, license.CodeCloned, license.CodeRevoked} {
		if !m.sleeping() && e.Status == 403 && slices.Contains(m.w.Network.answers, e.Body) &&
			strings.Contains(e.Body, `"code":"`+string(code)+`"`) {
			if one, ok := m.License(); ok && one.Verdict.OK && m.last == e.ID {
				m.w.fault("%s: goes on, and was refused: %s", m.Name, code)
			}
		}
	}
}

func holds(one abi.LicenseStatus, entitlement string) bool {
	for _, r := range one.Reservations {
		if r.Entitlement == entitlement {
			return true
		}
	}
	return false
}

// seat reports whether the program holds a seat of modeling, and until when the server has granted it.
func (m *Machine) seat(one abi.LicenseStatus) (until lease.Time, held bool) {
	for _, h := range one.Holds {
		held = held || h.Entitlement == modeling
	}
	for _, r := range one.Reservations {
		if r.Entitlement == modeling {
			until = r.Until
		}
	}
	return until, held
}

// checkSeats counts the holders of seats by the time of the world.
func (w *World) checkSeats() {
	seats, machines := map[lease.Hash]bool{}, map[lease.Hash]bool{}
	for _, m := range w.Machines {
		one, ok := m.License()
		if !ok || one.Number == 0 || !one.Verdict.OK || one.NotAfter < w.now || m.evicted[one.Activation] || one.State == "closed" {
			continue
		}
		if !m.excess[""] {
			machines[one.Activation] = true
		}
		// Of two copies one may have returned what the other still holds, until its lease expires. By the clock of a node that is ahead of
		// the one before a deadline comes that much earlier.
		if until, held := m.seat(one); held && until-lease.Time(2*w.Server.Skew) > w.now && !m.excess[modeling] && !m.copied {
			seats[one.Activation] = true
		}
	}
	if n := w.Server.slots(); len(seats) > n {
		w.fault("%d hold a seat of %d", len(seats), n)
		for _, m := range w.Machines {
			one, _ := m.License()
			m.note("holds %v of %v, leased until %d, now %d", one.Holds, one.Reservations, one.NotAfter, w.now)
		}
	}
	if n := w.Server.Version.Policy.MaxMachines; n != licensing.Unlimited && len(machines) > int(n) {
		w.fault("%d machines are activated of %d", len(machines), n)
	}
}

func (s *Server) slots() int {
	for _, e := range s.License.Entitlements {
		if e.Name == modeling {
			return e.Slots
		}
	}
	return 0
}

// Repair ends all faults and lets the world settle: the network and the clocks are right again, the license is as it was sold, and enough
// time passes that no old lease can be in the way.
func (w *World) Repair() {
	w.note("everything is mended")
	w.Server.Down = false
	*w.Network = Network{w: w, issued: w.Network.issued, packets: w.Network.packets, answers: w.Network.answers}
	for _, m := range w.Machines {
		m.Offline, m.DiskFull, m.LyingDisk, m.asleep, m.ClockOffset, m.steady = false, false, false, 0, 0, false
	}
	w.Server.KeepKeys()
	w.Server.Edit(func(l *licensing.License) {
		l.Status = licensing.Active
		if l.Expires > 0 {
			l.Expires = w.now + lease.Time(1000*day)
		}
	})
	w.Pass(3 * w.Server.longest())
	for _, m := range w.Machines {
		m.Start()
		w.Pass(minute)
		if m.proc == nil || !m.proc.ready { // the first start may only have found out that it must re-activate
			m.Start()
			w.Pass(hour)
		}
	}
	// Clients that were told not to come back yet may do so by now.
	w.Pass(2 * w.Server.longest())
}

// CheckOutcome checks a repaired world.
func (w *World) CheckOutcome() {
	var used, maybe int64
	lost := w.Server.lost
	copied := false
	for _, m := range w.Machines {
		copied = copied || m.copied || m.Codes[license.CodeRestoredTooOften] > 0
		used, maybe, lost = used+m.used, maybe+m.uncertain, lost+m.lost+m.lostHere
		if !m.copied {
			w.checkMachineOutcome(m)
		}
		m.Ask(abi.Event{Type: abi.EventSync}, nil) // whatever is not reported yet
	}
	w.Pass(minute)
	w.checkCopiesOutcome()
	s := w.Server
	s.checkPromises()
	charged := s.Used()
	counts := s.Version.Policy.Type.LimitsCalls()
	switch {
	case counts && charged > s.License.Allowance && s.healingUntil == 0:
		w.fault("%d calls are charged of %d", charged, s.License.Allowance)
	case counts && s.License.Allowance < 1_000_000: // calls beyond the allowance were refused
	case copied: // a copied machine may lose counts; what it may gain is checked with prepaid licenses
	case charged < used-lost:
		for _, m := range w.Machines {
			m.note("used %d, maybe %d, lost %d and %d, restored %d", m.used, m.uncertain, m.lost, m.lostHere, m.restored)
		}
		w.fault("%d calls are charged, %d were told to be good and %d of them may be lost", charged, used, lost)
	case s.Version.Policy.Prepaid == 0 && charged > used+maybe:
		w.fault("%d calls are charged, but only %d were told to be good and %d others tried", charged, used, maybe)
	}
}

// checkMachineOutcome checks that an honest machine works in the end.
func (w *World) checkMachineOutcome(m *Machine) {
	one, ok := m.License()
	switch {
	case !ok || one.Number == 0:
		if m.LastStart == license.CodeRestoredTooOften && m.restored >= 3 {
			return
		}
		w.fault("%s: does not work in the end: %s", m.Name, m.LastStart)
	case one.Verdict.Code == license.CodeOK:
	case one.Verdict.Code == license.CodeRestoredTooOften && m.restored+w.Server.rollbacks >= 3:
	default:
		w.fault("%s: stands %s %s in the end", m.Name, one.Verdict.Code, one.Verdict.Detail)
	}
}

// checkCopiesOutcome checks that copies which both continued were detected.
func (w *World) checkCopiesOutcome() {
	lines := map[lease.Hash][]*Machine{}
	for _, m := range w.Machines {
		if m.copied {
			lines[m.activation] = append(lines[m.activation], m)
		}
	}
	for id, line := range lines {
		record, ok := w.Server.Activation(id)
		if !ok || len(line) < 2 {
			continue
		}
		if record.ReactivationCount > 3 {
			w.fault("%.12s: %d re-activations", id, record.ReactivationCount)
		}
		running, caught := 0, false
		for _, m := range line {
			if m.leases >= 6 {
				running++
			}
			caught = caught || m.Codes[license.CodeCloned]+m.Codes[license.CodeRestoredTooOften]+m.Codes[license.CodeDeactivated] > 0
		}
		if running >= 2 && !caught && w.Server.rollbacks == 0 {
			w.fault("%.12s: %d copies go on, and nobody is called a clone", id, running)
		}
	}
}
