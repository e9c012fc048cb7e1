package mongo

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// meter is the document of what all activations of a license count together. Its _id is the license's. What an advance adds is recorded in
// Traces too, under its activation, while the advance is in progress: so a repeated charge has no effect, and a charge can be undone.
type meter struct {
	ID               string           `bson:"_id"`
	Birth            string           `bson:"birth,omitempty"` // that of the license
	Rev              int64            `bson:"rev"`
	Used             int64            `bson:"used"`
	Period           date             `bson:"period"`
	UsedBeforePeriod int64            `bson:"before"`
	Machines         int64            `bson:"machines"`
	Places           int64            `bson:"places"`
	WindowFrom       date             `bson:"window_from"`
	WindowCount      int64            `bson:"window_count"`
	MovesFrom        date             `bson:"moves_from"`
	Moves            int64            `bson:"moves"`
	LastActivation   date             `bson:"last_activation"`
	ClosedPeriods    []period         `bson:"closed"`
	VacatedBy        []lease.Hash     `bson:"left"`
	Traces           map[string]trace `bson:"traces"`

	loaded     licensing.Meter
	touched    map[string]bool
	forceWrite bool // write the counters although they have not changed
}

type period struct {
	From date  `bson:"from"`
	Used int64 `bson:"used"`
}

// trace records the additions of one advance. Its key is the activation's hash.
type trace struct {
	Token       string      `bson:"mark"`
	MeterBefore meterTotals `bson:",inline"` // with the plan it determines what was charged
	Calls       int64       `bson:"calls"`
	Period      date        `bson:"in"`      // the period in which the calls count
	Machine     int64       `bson:"machine"` // 1: it took a machine's place
	Window      date        `bson:"window"`  // start of the activation window in which it counts
	Place       int64       `bson:"place"`   // 1: the place was new
	Move        int64       `bson:"move"`    // 1: the place was given up by another: a transfer
	MoveWindow  date        `bson:"moved"`   // start of the transfer window in which it counts

	VacatedBy lease.Hash `bson:"left"` // the activation that had given up the place
}

// maxUnprunedTraces is the number of traces up to which a single charge leaves a meter's traces as they are. Pruning them costs a read of
// the activations, which one charge in so many makes for all.
const maxUnprunedTraces = 16

// meterTotals are the members of the meter that a charge depends on.
type meterTotals struct {
	Used             int64 `bson:"before"`
	Period           date  `bson:"before_period"`
	UsedBeforePeriod int64 `bson:"before_base"`
}

func (m *meter) totals() meterTotals { return meterTotals{m.Used, m.Period, m.UsedBeforePeriod} }

// charge returns what is charged after the advance when the meter was at these totals before it. It changes no meter.
func (t meterTotals) charge(a *licensing.Advance, stored *licensing.Activation) licensing.UsageTotals {
	return a.UsageCharge.Apply(licensing.UsageTotals{Counted: stored.Counted, Charged: stored.Charged,
		Used: t.Used, Period: timeOf(t.Period), UsedBeforePeriod: t.UsedBeforePeriod})
}

// newMeter returns the meter of a new license with the birth token, without its _id.
func newMeter(birth string, rev int64) bson.D {
	return append(newDoc("birth", birth, "rev", rev, "traces", bson.D{}), (&meter{}).counters()...)
}

// counters returns the members of a meter except its traces.
func (m *meter) counters() bson.D {
	return newDoc("used", m.Used, "period", m.Period, "before", m.UsedBeforePeriod, "machines", m.Machines, "places", m.Places,
		"window_from", m.WindowFrom, "window_count", m.WindowCount, "moves_from", m.MovesFrom, "moves", m.Moves,
		"last_activation", m.LastActivation,
		"closed", m.ClosedPeriods, "left", m.VacatedBy)
}

func (m *meter) record() licensing.Meter {
	r := licensing.Meter{MeterCounters: licensing.MeterCounters{Used: m.Used, Period: timeOf(m.Period), UsedBeforePeriod: m.UsedBeforePeriod,
		Machines: m.Machines, Places: max(m.Places, m.Machines),
		WindowFrom: timeOf(m.WindowFrom), WindowCount: m.WindowCount, MovesFrom: timeOf(m.MovesFrom), Moves: m.Moves,
		LastActivation: timeOf(m.LastActivation)}, VacatedBy: m.VacatedBy}
	for _, p := range m.ClosedPeriods {
		r.ClosedPeriods = append(r.ClosedPeriods, licensing.Period{From: timeOf(p.From), Used: p.Used})
	}
	return r
}

// setRecord sets the counters to those of the record, which a function of the domain has changed.
func (m *meter) setRecord(r licensing.Meter) {
	m.Used, m.Period, m.UsedBeforePeriod, m.Machines, m.Places = r.Used, dateOf(r.Period), r.UsedBeforePeriod, r.Machines, r.Places
	m.WindowFrom, m.WindowCount, m.MovesFrom, m.Moves, m.LastActivation = dateOf(r.WindowFrom), r.WindowCount, dateOf(r.MovesFrom), r.Moves,
		dateOf(r.LastActivation)
	m.VacatedBy, m.ClosedPeriods = r.VacatedBy, nil
	for _, p := range r.ClosedPeriods {
		m.ClosedPeriods = append(m.ClosedPeriods, period{dateOf(p.From), p.Used})
	}
}

func decodeMeter(raw bson.Raw) (*meter, error) {
	m := &meter{}
	if err := bson.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("decoding a meter: %w", err)
	}
	return m.markLoaded(), nil
}

// markLoaded records the document as it was read.
func (m *meter) markLoaded() *meter {
	m.loaded, m.touched = m.record(), map[string]bool{}
	if m.Traces == nil {
		m.Traces = map[string]trace{}
	}
	return m
}

func (m *meter) revision() int64           { return m.Rev }
func (m *meter) isPartial() bool           { return false }
func (m *meter) newDocument(rev int64) any { m.Rev = rev; return m }

func (m *meter) changes() (set, unset bson.D) {
	if is := m.record(); m.forceWrite || !is.Equal(&m.loaded) {
		set = m.counters()
	}
	for key := range m.touched {
		if t, ok := m.Traces[key]; ok {
			set = append(set, bson.E{Key: "traces." + key, Value: t})
		} else {
			unset = append(unset, bson.E{Key: "traces." + key, Value: ""})
		}
	}
	return set, unset
}

func (m *meter) tokenHolders() []string {
	var all []string
	for key := range m.Traces {
		all = append(all, m.ID+":"+key)
	}
	return all
}

func (m *meter) prune(open openClaims) {
	for key, t := range m.Traces {
		if !open.isInUse(claimToken{m.ID + ":" + key, t.Token}) {
			delete(m.Traces, key)
			m.touched[key] = true
		}
	}
}

func (m *meter) setTrace(key string, t trace) {
	m.Traces[key] = t
	m.touched[key] = true
}

// charge adds what an advance takes: for a new activation a machine's place and one activation of the window, and its calls. A charge that
// was made under the token already is not made again.
func (m *meter) charge(token string, a *licensing.Advance, stored *licensing.Activation) (licensing.UsageTotals, error) {
	key := string(a.Key.Activation)
	if done, ok := m.Traces[key]; ok && done.Token == token {
		return done.MeterBefore.charge(a, stored), nil
	}
	t, r := trace{Token: token, MeterBefore: m.totals()}, m.record()
	was := r
	after, err := a.ChargeMeter(&r, stored)
	if err != nil {
		return after, err
	}
	if a.NewActivation != nil {
		t.Machine, t.Window, t.Place = 1, dateOf(r.WindowFrom), r.Places-was.Places
		if r.Moves != was.Moves || r.MovesFrom != was.MovesFrom {
			t.Move, t.MoveWindow = 1, dateOf(r.MovesFrom)
		}
		for _, who := range was.VacatedBy {
			if !slices.Contains(r.VacatedBy, who) {
				t.VacatedBy = who
			}
		}
	}
	t.Calls, t.Period = after.Used-m.Used, dateOf(r.Period)
	m.setRecord(r)
	m.setTrace(key, t)
	return after, nil
}

// undoCharge undoes a charge, if it was made. The meter is written in any case: the raised revision stops a charge that is still on its
// way.
func (m *meter) undoCharge(key, token string) {
	m.forceWrite = true
	t, ok := m.Traces[key]
	if !ok || t.Token != token {
		return
	}
	m.Used -= t.Calls
	if t.Period < m.Period { // the period in which it was charged has ended
		m.UsedBeforePeriod -= t.Calls
		for n := range m.ClosedPeriods {
			if m.ClosedPeriods[n].From == t.Period {
				m.ClosedPeriods[n].Used -= t.Calls
			}
		}
	}
	m.Machines -= t.Machine
	m.Places = max(m.Machines, m.Places-t.Place)
	if t.VacatedBy != "" && !slices.Contains(m.VacatedBy, t.VacatedBy) {
		m.VacatedBy = append([]lease.Hash{t.VacatedBy}, m.VacatedBy...)
	}
	if t.Move > 0 && m.MovesFrom == t.MoveWindow && m.Moves > 0 {
		m.Moves--
	}
	if t.Machine > 0 && m.WindowFrom == t.Window && m.WindowCount > 0 {
		m.WindowCount--
	}
	delete(m.Traces, key)
	m.touched[key] = true
}

// vacate gives up a machine's place, or releases it for the vendor.
func (m *meter) vacate(key string, o *pendingRelease) {
	if done, ok := m.Traces[key]; ok && done.Token == o.Token {
		return
	}
	r := m.record()
	if o.Leave {
		r.Leave(lease.Hash(key))
	} else {
		r.Release(lease.Hash(key), true)
	}
	m.setRecord(r)
	m.setTrace(key, trace{Token: o.Token})
}
