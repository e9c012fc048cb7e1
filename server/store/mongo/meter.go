package mongo

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// meter is a document: what all activations of a license count together. Its _id is the license's. What an advance adds stands in Traces
// too, under its activation, for as long as the advance is under way: done twice it is done once, and it can be taken back.
type meter struct {
	ID          string           `bson:"_id"`
	Rev         int64            `bson:"rev"`
	Used        int64            `bson:"used"`
	Machines    int64            `bson:"machines"`
	WindowFrom  date             `bson:"window_from"`
	WindowCount int64            `bson:"window_count"`
	Traces      map[string]trace `bson:"traces"`

	was     counters
	touched map[string]bool
	forced  bool // written although nothing changed
}

// trace is what one advance has added. The key is the activation's hash.
type trace struct {
	Mark    string `bson:"mark"`
	Before  int64  `bson:"before"` // what was used before it; with the plan it says what was charged for what
	Calls   int64  `bson:"calls"`
	Machine int64  `bson:"machine"` // 1: it took a machine's place
	Window  date   `bson:"window"`  // start of the window that it counts in
}

type counters struct {
	used, machines int64
	windowFrom     date
	windowCount    int64
}

// newMeter is that of a new license, without its _id.
func newMeter() bson.D {
	return with("rev", int64(1), "used", int64(0), "machines", int64(0), "window_from", date(0), "window_count", int64(0), "traces", bson.D{})
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
	m.was, m.touched = m.counters(), map[string]bool{}
	if m.Traces == nil {
		m.Traces = map[string]trace{}
	}
	return m
}

func (m *meter) counters() counters {
	return counters{m.Used, m.Machines, m.WindowFrom, m.WindowCount}
}

func (m *meter) at() int64           { return m.Rev }
func (m *meter) whole(rev int64) any { m.Rev = rev; return m }

func (m *meter) changes() (set, unset bson.D) {
	if m.counters() != m.was || m.forced {
		set = with("used", m.Used, "machines", m.Machines, "window_from", m.WindowFrom, "window_count", m.WindowCount)
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
	t := trace{Mark: mark, Before: m.Used}
	if p.Activate != nil {
		if err := m.admit(p); err != nil {
			return licensing.Account{}, err
		}
		t.Machine, t.Window = 1, m.WindowFrom
	}
	after := p.account(d, m.Used)
	t.Calls = after.Used - m.Used
	m.Used = after.Used
	m.leave(d.Activation, t)
	return after, nil
}

// admit takes a machine's place, and counts in the window of activations. A window begins with the first activation after the last one
// ended.
func (m *meter) admit(p *plan) error {
	limit := p.Activate
	from, count := m.WindowFrom, m.WindowCount
	if p.Now >= from+date(limit.Window) || count == 0 {
		from, count = p.Now, 0
	}
	if count >= limit.Limit {
		return refuse(license.CodeActivationLimit, from+date(limit.Window), "%d activations in %d ms", limit.Limit, limit.Window)
	}
	if limit.MaxMachines > 0 && m.Machines >= limit.MaxMachines {
		return refuse(license.CodeMachineLimit, 0, "%d machines", limit.MaxMachines)
	}
	m.WindowFrom, m.WindowCount = from, count+1
	m.Machines++
	return nil
}

// takeBack undoes a charge, if it was made. It is written in any case: the raised revision stops a charge that is on its way.
func (m *meter) takeBack(key, mark string) {
	m.forced = true
	t, ok := m.Traces[key]
	if !ok || t.Mark != mark {
		return
	}
	m.Used -= t.Calls
	m.Machines -= t.Machine
	if t.Machine > 0 && m.WindowFrom == t.Window && m.WindowCount > 0 {
		m.WindowCount--
	}
	delete(m.Traces, key)
	m.touched[key] = true
}

// depart gives a machine's place back.
func (m *meter) depart(key, mark string) {
	if done, ok := m.Traces[key]; ok && done.Mark == mark {
		return
	}
	m.Machines = max(0, m.Machines-1)
	m.leave(key, trace{Mark: mark})
}

func refuse(code license.Code, retryAt date, format string, args ...any) error {
	return &licensing.Limit{Code: code, Detail: fmt.Sprintf(format, args...), RetryAt: lease.Time(retryAt)}
}
