package mongo

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// meter is a document: what all activations of a license count together. Its _id is the license's. What an advance adds stands in Traces
// too, under its activation, for as long as the advance is under way: done twice it is done once, and it can be taken back.
type meter struct {
	ID               string           `bson:"_id"`
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
	forceWrite bool // written although nothing changed
}

type period struct {
	From date  `bson:"from"`
	Used int64 `bson:"used"`
}

// trace is what one advance has added. The key is the activation's hash.
type trace struct {
	Token       string      `bson:"mark"`
	MeterBefore meterTotals `bson:",inline"` // with the plan it says what was charged for what
	Calls       int64       `bson:"calls"`
	Period      date        `bson:"in"`      // the period that the calls count in
	Machine     int64       `bson:"machine"` // 1: it took a machine's place
	Window      date        `bson:"window"`  // start of the window that it counts in
	Place       int64       `bson:"place"`   // 1: one that nobody had had
	Move        int64       `bson:"move"`    // 1: one that another had given up
	MoveWindow  date        `bson:"moved"`   // start of the window that the move counts in

	VacatedBy lease.Hash `bson:"left"` // who had given up that place
}

// maxUnprunedTraces is how many traces a meter may have for a charge that comes alone to leave them as they are: to forget those that are over
// takes a look at the activations, which one charge in so many pays for all.
const maxUnprunedTraces = 16

// meterTotals is what a charge needs to know of the meter.
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

// newMeter is that of a new license, without its _id.
func newMeter() bson.D {
	return append(newDoc("rev", int64(1), "traces", bson.D{}), (&meter{}).counters()...)
}

// counters is all of a meter but who is at work on it.
func (m *meter) counters() bson.D {
	return newDoc("used", m.Used, "period", m.Period, "before", m.UsedBeforePeriod, "machines", m.Machines, "places", m.Places, "window_from", m.WindowFrom,
		"window_count", m.WindowCount, "moves_from", m.MovesFrom, "moves", m.Moves, "last_activation", m.LastActivation, "closed", m.ClosedPeriods, "left", m.VacatedBy)
}

func (m *meter) record() licensing.Meter {
	r := licensing.Meter{MeterCounters: licensing.MeterCounters{Used: m.Used, Period: timeOf(m.Period), UsedBeforePeriod: m.UsedBeforePeriod, Machines: m.Machines, Places: max(m.Places, m.Machines),
		WindowFrom: timeOf(m.WindowFrom), WindowCount: m.WindowCount, MovesFrom: timeOf(m.MovesFrom), Moves: m.Moves, LastActivation: timeOf(m.LastActivation)}, VacatedBy: m.VacatedBy}
	for _, p := range m.ClosedPeriods {
		r.ClosedPeriods = append(r.ClosedPeriods, licensing.Period{From: timeOf(p.From), Used: p.Used})
	}
	return r
}

// setRecord takes over what a function of the domain has made of the record.
func (m *meter) setRecord(r licensing.Meter) {
	m.Used, m.Period, m.UsedBeforePeriod, m.Machines, m.Places = r.Used, dateOf(r.Period), r.UsedBeforePeriod, r.Machines, r.Places
	m.WindowFrom, m.WindowCount, m.MovesFrom, m.Moves, m.LastActivation = dateOf(r.WindowFrom), r.WindowCount, dateOf(r.MovesFrom), r.Moves, dateOf(r.LastActivation)
	m.VacatedBy, m.ClosedPeriods = r.VacatedBy, nil
	for _, p := range r.ClosedPeriods {
		m.ClosedPeriods = append(m.ClosedPeriods, period{dateOf(p.From), p.Used})
	}
}

func decodeMeter(raw bson.Raw) (*meter, error) {
	m := &meter{}
	if err := bson.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("a meter: %w", err)
	}
	return m.markLoaded(), nil
}

// markLoaded notes what the document was.
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

// charge adds what an advance takes: a machine's place and one activation of the window for a first one, and its calls.
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

// undoCharge undoes a charge, if it was made. It is written in any case: the raised revision stops a charge that is on its way.
func (m *meter) undoCharge(key, mark string) {
	m.forceWrite = true
	t, ok := m.Traces[key]
	if !ok || t.Token != mark {
		return
	}
	m.Used -= t.Calls
	if t.Period < m.Period { // it was charged in a period that is over by now
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

// vacate gives a machine's place up, or lets a newcomer have it.
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
