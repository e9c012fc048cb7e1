package sim

import (
	"fmt"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Year simulates a bit more than a year that follows from the seed, repairs everything and returns the world. Its Faults are empty if no
// invariant was broken.
func Year(seed uint64, journal func(format string, args ...any)) *World {
	dice := newDice(seed)
	w := NewWorld(seed, dice.randomTerms())
	if journal != nil {
		w.Journal = journal
	}
	w.live(dice.randomFaultRates())
	return w
}

// pick returns one of several values.
func pick[T any](d dice, from ...T) T { return from[d.random.IntN(len(from))] }

// randomTerms returns the terms of a random license. Intervals are long, so that a year is quick to simulate.
func (w dice) randomTerms() LicenseTerms {
	p := licensing.DefaultPolicy(lease.Calls, lease.Interval)
	p.Settings = lease.Settings{
		Type:     pick(w, lease.Calls, lease.Calls, lease.Timed, lease.TimeAndCalls, lease.Perpetual),
		Trigger:  pick(w, lease.Interval, lease.Interval, lease.Interval, lease.EveryCall),
		Interval: pick(w, day, 2*day, 4*day, 7*day), MaxRetries: pick(w, 0, 1, 3, 10), Grace: pick(w, 0, day, 7*day, 14*day),
		ActivationDelay: pick(w, 0, 0, minute), ClockTolerance: pick(w, 0, hour, day), JournalEvery: pick(w, int64(1), 10, 100),
		Statistics: w.chance(30),
	}
	p.ActivationLimit = 1000
	p.CloneAction = pick(w, licensing.CloneRefuse, licensing.CloneRefuse, licensing.CloneSuspend)
	p.MaxBorrow = pick(w, 0, 0, 30*day)
	t := LicenseTerms{Slots: int(w.between(1, 3)), Allowance: 1_000_000_000, Expires: begin + lease.Time(5000*day)}
	if p.Type.LimitsCalls() {
		p.Prepaid = pick(w, int64(0), 0, 0, 20)
		if w.chance(20) {
			t.Allowance = w.between(10, 500)
		}
	}
	t.Policy = p
	return t
}

// faultRates are the rates of what happens in a year: chances in a hundred per day and machine, or per day.
type faultRates struct {
	consume, reserve, restart, crash, offline, sleep, clock, diskFull, backup, restore, lie, export float64
	copies, memory                                                                                  bool
	down, rollBack, told, suspend, settings, rotate, evict                                          float64
	skew                                                                                            int64
}

func (w dice) randomFaultRates() faultRates {
	some := func(often, most float64) float64 { // many worlds have none of it, so that each fault also occurs alone
		if !w.chance(often) {
			return 0
		}
		return most * w.random.Float64()
	}
	return faultRates{
		consume: 40 + some(50, 300), reserve: some(70, 60), restart: some(80, 20), crash: some(60, 20), offline: some(60, 5), sleep: some(40, 10),
		clock: some(40, 5), diskFull: some(20, 3), backup: some(50, 5), restore: some(40, 0.5), lie: 0, export: some(30, 5),
		copies: w.chance(25), memory: w.chance(50),
		down: some(50, 4), rollBack: some(30, 0.6), told: float64(pick(w, 0, 50, 100)), suspend: some(30, 1), settings: some(30,
			1), rotate: some(30, 0.5),
		evict: some(20, 0.5), skew: pick(w, 0, 0, second),
	}
}

func (w *World) live(h faultRates) {
	w.note("policy %+v", w.Server.Version.Policy)
	w.note("habits %+v", h)
	w.Server.Skew = h.skew
	n := w.Network
	if w.chance(60) {
		n.LoseRequest, n.LoseReply, n.Duplicate, n.Late = w.random.Float64()*20, w.random.Float64()*20, w.random.Float64()*20,
			w.random.Float64()*10
	}
	if w.chance(20) {
		n.Forged = w.random.Float64() * 20
	}
	for i := range int(w.between(1, 3)) {
		m := w.NewMachine(fmt.Sprintf("m%d", i+1))
		m.ClockOffset = pick(w.dice, 0, 0, w.between(-2*hour, 2*hour))
		w.after(w.between(0, day), m.Start)
	}
	u := &yearPlan{w: w, h: h, backups: map[*Machine]Backup{}, snapshot: w.Server.Snapshot()}
	for d := range int64(370) {
		u.day(d)
		w.Pass(day)
	}
	w.Repair()
	w.CheckOutcome()
}

// yearPlan schedules what happens in a year.
type yearPlan struct {
	w        *World
	h        faultRates
	backups  map[*Machine]Backup
	snapshot *memory.Store
	copied   bool
	keys     int
}

// often schedules an action at a random time of this day, so many times in a hundred days.
func (u *yearPlan) often(chance float64, do func()) {
	for ; chance > 0; chance -= 100 {
		if u.w.chance(chance) {
			u.w.after(u.w.between(0, day-1), do)
		}
	}
}

func (u *yearPlan) day(d int64) {
	w, h, s := u.w, u.h, u.w.Server
	for _, m := range w.Machines {
		u.machine(m)
	}
	u.often(h.down, func() {
		s.Down = true
		w.note("the server is down")
		w.after(w.between(minute, 10*day), func() { s.Down = false; w.note("the server is up") })
	})
	if w.chance(10) {
		u.snapshot = s.Snapshot()
	}
	u.often(h.rollBack, func() { s.RollBack(u.snapshot, w.chance(h.told)) })
	u.often(h.suspend, func() {
		s.Edit(func(l *licensing.License) { l.Status = licensing.Suspended })
		w.note("the license is suspended")
		w.after(w.between(hour, 20*day), func() {
			s.Edit(func(l *licensing.License) { l.Status = licensing.Active })
			w.note("the license is reinstated")
		})
	})
	u.often(h.settings, func() {
		s.EditPolicy(func(p *licensing.Policy) {
			// A shorter lease would leave longer ones outstanding that no restore knows of (spec/threats.md).
			p.Interval, p.MaxRetries = max(p.Interval, pick(w.dice, day, 3*day, 7*day)), pick(w.dice, 0, 2, 5)
		})
		w.note("the settings are changed: %+v", s.Version.Policy)
	})
	u.often(h.rotate, func() {
		u.keys++
		s.Rotate(fmt.Sprintf("key%d", u.keys), w.chance(20))
		if w.chance(50) {
			s.Publish(func(st *lease.Statement) { st.Licenses = append(st.Licenses, "0123456789abcdef01234567") })
		}
	})
	if h.copies && !u.copied && d > 30 && w.chance(2) {
		u.copied = true
		m := pick(w.dice, w.Machines...)
		if !h.memory {
			m.Stop()
		}
		c := m.Copy(m.Name + "'")
		if !h.memory {
			m.Start()
			c.Start()
		}
	}
}

func (u *yearPlan) machine(m *Machine) {
	w, h := u.w, u.h
	if m.proc == nil || !m.proc.ready {
		u.often(60, func() { // the user tries again
			if m.proc == nil || !m.proc.ready {
				m.Start()
			}
		})
	}
	u.often(h.consume, func() { m.Consume(w.between(1, 5)) })
	u.often(h.reserve, func() {
		e := abi.Event{Type: abi.EventReserve, Entitlement: pick(w.dice, modeling, rendering), Context: pick(w.dice, ui, batch)}
		if w.chance(10) {
			e.Borrow = w.between(day, 40*day)
		}
		m.Ask(e, nil)
	})
	u.often(h.reserve, func() {
		m.Ask(abi.Event{Type: abi.EventRelease, Entitlement: pick(w.dice, modeling, rendering), Context: pick(w.dice, ui, batch)}, nil)
	})
	u.often(h.restart, func() {
		if p := m.proc; p != nil {
			m.Ask(abi.Event{Type: abi.EventShutdown}, nil)
			w.after(minute, func() {
				if p.alive() {
					m.Start()
				}
			})
		}
	})
	u.often(h.crash, func() {
		m.Stop()
		w.after(w.between(second, 2*day), func() {
			if m.proc == nil {
				m.Start()
			}
		})
	})
	u.often(h.offline, func() {
		m.Offline = true
		w.after(w.between(hour, 30*day), func() { m.Offline = false })
	})
	u.often(h.sleep, func() { m.Sleep(w.between(minute, 5*day)) })
	u.often(h.clock, func() {
		m.SetClock(pick(w.dice, 0, hour, -hour, w.between(-3*day, 3*day), -int64(begin)+1000, 400*day))
	})
	u.often(h.diskFull, func() {
		m.DiskFull = true
		w.after(w.between(hour, 3*day), func() { m.DiskFull = false })
	})
	u.often(h.backup, func() { u.backups[m] = m.Backup() })
	u.often(h.restore, func() {
		if b, ok := u.backups[m]; ok && !m.copied {
			m.Restore(b)
			m.Start()
		}
	})
	u.often(h.export, func() {
		m.Ask(abi.Event{Type: abi.EventExport}, func(_ abi.Verdict, request string) {
			if request == "" {
				return
			}
			w.after(w.between(minute, 3*day), func() { // the user carries it there and back
				_, answer := w.Network.deliver(request)
				w.after(w.between(minute, 3*day), func() { m.Ask(abi.Event{Type: abi.EventImport, Body: answer}, nil) })
			})
		})
	})
	u.often(h.evict, func() {
		key := licensing.ActivationKey{License: w.Server.License.ID, Activation: m.activation}
		if _, known := w.Server.Activation(m.activation); known && !m.copied {
			m.evicted[m.activation] = true
			m.note("is deactivated by the vendor")
			check(w.Server.domain.Leasing.Deactivate(ctx, w.Server.Org, key))
		}
	})
}
