package mongo

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// meter is a document: what all activations of a license count together. Its _id is the license's. What an advance adds stands in Traces
// too, under its activation, for as long as the advance is under way: done twice it is done once, and it can be taken back.
type meter struct {
	ID             string           `bson:"_id"`
	Rev            int64            `bson:"rev"`
	Used           int64            `bson:"used"`
	Period         date             `bson:"period"`
	Before         int64            `bson:"before"`
	Machines       int64            `bson:"machines"`
	Places         int64            `bson:"places"`
	WindowFrom     date             `bson:"window_from"`
	WindowCount    int64            `bson:"window_count"`
	MovesFrom      date             `bson:"moves_from"`
	Moves          int64            `bson:"moves"`
	LastActivation date             `bson:"last_activation"`
	Closed         []period         `bson:"closed"`
	Left           []lease.Hash     `bson:"left"`
	Traces         map[string]trace `bson:"traces"`

	was     licensing.Meter
	touched map[string]bool
	forced  bool // written although nothing changed
}

type period struct {
	From date  `bson:"from"`
	Used int64 `bson:"used"`
}

// trace is what one advance has added. The key is the activation's hash.
type trace struct {
	Mark    string `bson:"mark"`
	Before  common `bson:",inline"` // with the plan it says what was charged for what
	Calls   int64  `bson:"calls"`
	In      date   `bson:"in"`      // the period that the calls count in
	Machine int64  `bson:"machine"` // 1: it took a machine's place
	Window  date   `bson:"window"`  // start of the window that it counts in
	Place   int64  `bson:"place"`   // 1: one that nobody had had
	Move    int64  `bson:"move"`    // 1: one that another had given up
	Moved   date   `bson:"moved"`   // start of the window that the move counts in

	Left lease.Hash `bson:"left"` // who had given up that place
}

// solitary is how many traces a meter may have for a charge that comes alone to leave them as they are: to forget those that are over
// takes a look at the activations, which one charge in so many pays for all.
const solitary = 16

// common is what a charge needs to know of the meter.
type common struct {
	Used   int64 `bson:"before"`
	Period date  `bson:"before_period"`
	Before int64 `bson:"before_base"`
}

func (m *meter) common() common { return common{m.Used, m.Period, m.Before} }

// newMeter is that of a new license, without its _id.
func newMeter() bson.D {
	return append(with("rev", int64(1), "traces", bson.D{}), (&meter{}).counters()...)
}

// counters is all of a meter but who is at work on it.
func (m *meter) counters() bson.D {
	return with("used", m.Used, "period", m.Period, "before", m.Before, "machines", m.Machines, "places", m.Places, "window_from", m.WindowFrom,
		"window_count", m.WindowCount, "moves_from", m.MovesFrom, "moves", m.Moves, "last_activation", m.LastActivation, "closed", m.Closed, "left", m.Left)
}

func (m *meter) record() licensing.Meter {
	r := licensing.Meter{Tally: licensing.Tally{Used: m.Used, Period: timeOf(m.Period), Before: m.Before, Machines: m.Machines, Places: max(m.Places, m.Machines),
		WindowFrom: timeOf(m.WindowFrom), WindowCount: m.WindowCount, MovesFrom: timeOf(m.MovesFrom), Moves: m.Moves, LastActivation: timeOf(m.LastActivation)}, Left: m.Left}
	for _, p := range m.Closed {
		r.Closed = append(r.Closed, licensing.Period{From: timeOf(p.From), Used: p.Used})
	}
	return r
}

// put takes over what a function of the domain has made of the record.
func (m *meter) put(r licensing.Meter) {
	m.Used, m.Period, m.Before, m.Machines, m.Places = r.Used, dateOf(r.Period), r.Before, r.Machines, r.Places
	m.WindowFrom, m.WindowCount, m.MovesFrom, m.Moves, m.LastActivation = dateOf(r.WindowFrom), r.WindowCount, dateOf(r.MovesFrom), r.Moves, dateOf(r.LastActivation)
	m.Left, m.Closed = r.Left, nil
	for _, p := range r.Closed {
		m.Closed = append(m.Closed, period{dateOf(p.From), p.Used})
	}
}

func decodeMeter(raw bson.Raw) (*meter, error) {
	m := &meter{}
	if err := bson.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("a meter: %w", err)
	}
	return m.read(), nil
}

// read notes what the document was.
func (m *meter) read() *meter {
	m.was, m.touched = m.record(), map[string]bool{}
	if m.Traces == nil {
		m.Traces = map[string]trace{}
	}
	return m
}

func (m *meter) at() int64           { return m.Rev }
func (m *meter) short() bool         { return false }
func (m *meter) whole(rev int64) any { m.Rev = rev; return m }

func (m *meter) changes() (set, unset bson.D) {
	if is := m.record(); m.forced || !is.Same(&m.was) {
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

func (m *meter) marked() []string {
	var all []string
	for key := range m.Traces {
		all = append(all, m.ID+":"+key)
	}
	return all
}

func (m *meter) tidy(open marks) {
	for key, t := range m.Traces {
		if !open.needs(mark{m.ID + ":" + key, t.Mark}) {
			delete(m.Traces, key)
			m.touched[key] = true
		}
	}
}

func (m *meter) leave(key string, t trace) {
	m.Traces[key] = t
	m.touched[key] = true
}

// charge adds what an advance takes: a machine's place and one activation of the window for a first one, and its calls.
func (m *meter) charge(mark string, p *plan, d activation) (licensing.Account, error) {
	if done, ok := m.Traces[d.Activation]; ok && done.Mark == mark {
		return p.account(d, done.Before), nil
	}
	t, r := trace{Mark: mark, Before: m.common()}, m.record()
	was := r
	if err := p.admit(&r, d); err != nil {
		return licensing.Account{}, err
	}
	if p.Activate != nil {
		t.Machine, t.Window, t.Place = 1, dateOf(r.WindowFrom), r.Places-was.Places
		if r.Moves != was.Moves || r.MovesFrom != was.MovesFrom {
			t.Move, t.Moved = 1, dateOf(r.MovesFrom)
		}
		for _, who := range was.Left {
			if !slices.Contains(r.Left, who) {
				t.Left = who
			}
		}
	}
	after := r.Charge(p.Charge.record(), d.Counted, d.Granted)
	t.Calls, t.In = after.Used-m.Used, dateOf(r.Period)
	m.put(r)
	m.leave(d.Activation, t)
	return after, nil
}

// admit takes a machine's place if the plan needs one.
func (p *plan) admit(m *licensing.Meter, d activation) error {
	if p.Activate == nil {
		return nil
	}
	limit := licensing.Activate(*p.Activate)
	return m.Admit(&limit, timeOf(p.Now), lease.Hash(p.Who))
}

// takeBack undoes a charge, if it was made. It is written in any case: the raised revision stops a charge that is on its way.
func (m *meter) takeBack(key, mark string) {
	m.forced = true
	t, ok := m.Traces[key]
	if !ok || t.Mark != mark {
		return
	}
	m.Used -= t.Calls
	if t.In < m.Period { // it was charged in a period that is over by now
		m.Before -= t.Calls
		for n := range m.Closed {
			if m.Closed[n].From == t.In {
				m.Closed[n].Used -= t.Calls
			}
		}
	}
	m.Machines -= t.Machine
	m.Places = max(m.Machines, m.Places-t.Place)
	if t.Left != "" && !slices.Contains(m.Left, t.Left) {
		m.Left = append([]lease.Hash{t.Left}, m.Left...)
	}
	if t.Move > 0 && m.MovesFrom == t.Moved && m.Moves > 0 {
		m.Moves--
	}
	if t.Machine > 0 && m.WindowFrom == t.Window && m.WindowCount > 0 {
		m.WindowCount--
	}
	delete(m.Traces, key)
	m.touched[key] = true
}

// depart gives a machine's place up, or lets a newcomer have it.
func (m *meter) depart(key string, o *owed) {
	if done, ok := m.Traces[key]; ok && done.Mark == o.Mark {
		return
	}
	r := m.record()
	if o.Depart {
		r.Depart(lease.Hash(key))
	} else {
		r.Free(lease.Hash(key), true)
	}
	m.put(r)
	m.leave(key, trace{Mark: o.Mark})
}

func refuse(code license.Code, retryAt date, format string, args ...any) error {
	return &licensing.Limit{Code: code, Detail: fmt.Sprintf(format, args...), RetryAt: lease.Time(retryAt)}
}
