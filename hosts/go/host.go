package onelicense

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// runner runs one client of the module: it feeds events and applies effects. The instance is used under one lock only; effects that take
// time are only begun there.
type runner struct {
	engine    *engine
	clock     Clock
	transport Transport
	storage   Storage
	settings  abi.Config

	saves    *workQueue[pendingSave]
	verdicts *workQueue[unsolicitedVerdict]

	ctx    context.Context // of all background work; ended by stop
	cancel context.CancelFunc

	mu          sync.Mutex
	inst        *instance // nil: not running
	stopped     Verdict   // why there is no instance
	handle      int32
	generation  int    // counts instances: events for an earlier one are dropped
	state       string // of the last Save effect: a new instance resumes from it
	files       []File // license files; a new instance is given them again
	calls       map[int64]chan<- callResult
	lastCall    int64
	starting    bool // New has not returned yet
	stopTimer   func()
	timerID     int // counts timers, so that a replaced one does nothing
	recentTraps []time.Duration
}

type pendingSave struct {
	run   int
	id    int64
	state string
}

// callResult is the verdict on a call of the program and the text that comes with it.
type callResult struct {
	Verdict
	body string
}

// unsolicitedVerdict is a verdict that answers no call.
type unsolicitedVerdict struct {
	Verdict
	mayContinue bool // does not stop the program, whatever it says: New returns an error instead, or the module tolerates it offline
}

// newRunner returns a runner without an instance. notify is called from one goroutine with each verdict that answers no call.
func newRunner(e *engine, cfg *Config, notify func(unsolicitedVerdict)) *runner {
	m := &runner{
		engine: e, clock: cfg.Clock, transport: cfg.Transport, storage: cfg.Storage, settings: cfg.settings(),
		calls: map[int64]chan<- callResult{}, starting: true, stopped: abi.Describe(license.CodeNotRunning, ""),
		stopTimer: func() {},
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.saves = newWorkQueue(m.writeStates)
	m.verdicts = newWorkQueue(func(batch []unsolicitedVerdict) {
		for _, n := range batch {
			notify(n)
		}
	})
	return m
}

// openClient makes the client in a new instance, from the last saved state. The caller holds the lock.
func (m *runner) openClient(inst *instance) error {
	reply, err := inst.invoke(&abi.Call{Op: abi.OpNew, Config: &m.settings, State: m.state, Random: randomBytes(32)})
	if err != nil {
		inst.close()
		return err
	}
	m.inst, m.handle = inst, reply.Handle
	m.generation++
	m.started(inst)
	return nil
}

// call feeds an event that is a call of the program and waits for its answer.
func (m *runner) call(ctx context.Context, e abi.Event) error {
	_, err := m.callWithBody(ctx, e)
	return err
}

// callWithBody is call that also returns the text of the answer.
func (m *runner) callWithBody(ctx context.Context, e abi.Event) (body string, err error) {
	answer := make(chan callResult, 1)
	m.mu.Lock()
	number, err := m.beginCall(e, answer)
	m.mu.Unlock()
	if err != nil {
		return "", err
	}
	select {
	case a := <-answer:
		return a.body, errorOf(a.Verdict)
	case <-ctx.Done():
	}
	m.mu.Lock()
	delete(m.calls, number)
	m.mu.Unlock()
	select {
	case a := <-answer: // it came at the same moment
		return a.body, errorOf(a.Verdict)
	default:
		return "", fmt.Errorf("onelicense: %s: %w", e.Type, context.Cause(ctx))
	}
}

// beginCall feeds an event that is a call of the program. The caller holds the lock.
func (m *runner) beginCall(e abi.Event, answer chan<- callResult) (number int64, err error) {
	if m.inst == nil {
		v := m.stopped
		v.Context, v.Entitlement = e.Context, e.Entitlement
		return 0, &Error{v}
	}
	m.lastCall++
	e.Call = m.lastCall
	m.calls[e.Call] = answer
	if err := m.step(e); err != nil {
		delete(m.calls, e.Call)
		return 0, err
	}
	return e.Call, nil
}

// step feeds one event and applies its effects. The caller holds the lock. A trap is handled here and is no error; an error is the
// module's refusal of this event.
func (m *runner) step(e abi.Event) error {
	if m.inst == nil {
		return nil
	}
	setMillis(&e.Now, m.clock.Now())
	e.Mono, e.Random = m.clock.Monotonic().Milliseconds(), randomBytes(16)
	reply, err := m.inst.invoke(&abi.Call{Op: abi.OpStep, Handle: m.handle, Event: &e})
	if t, ok := errors.AsType[*trapError](err); ok {
		m.recoverFromTrap(t)
		return nil
	}
	if err != nil {
		return err
	}
	for _, effect := range reply.Effects {
		m.applyEffect(effect)
	}
	return nil
}

// feedBackground feeds an event from the background if it belongs to the present instance.
func (m *runner) feedBackground(run int, e abi.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if run != m.generation {
		return
	}
	// The only event of ours that the module refuses is a reply larger than a call may be, which no server sends.
	if err := m.step(e); err != nil && e.Type == abi.EventReply {
		_ = m.step(abi.Event{Type: abi.EventFailed, ID: e.ID, Detail: verdictOf(err).Detail})
	}
}

// applyEffect begins one effect. The caller holds the lock.
func (m *runner) applyEffect(e abi.Effect) {
	switch e.Type {
	case abi.EffectSend:
		go m.send(m.generation, e)
	case abi.EffectSave:
		m.state = e.State
		m.saves.put(pendingSave{m.generation, e.ID, e.State})
	case abi.EffectWake:
		m.setTimer(e.In)
	case abi.EffectNotify:
		m.deliverVerdict(e)
	}
}

// send posts a request and feeds the reply or the failure.
func (m *runner) send(run int, e abi.Effect) {
	ctx, cancel := context.WithTimeout(m.ctx, time.Duration(e.Timeout)*time.Millisecond)
	defer cancel()
	answer, err := m.transport.Post(ctx, e.URL, e.Body)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %d ms", e.Timeout)
		}
		m.feedBackground(run, abi.Event{Type: abi.EventFailed, ID: e.ID, Detail: err.Error()})
		return
	}
	m.feedBackground(run, abi.Event{Type: abi.EventReply, ID: e.ID, Status: answer.Status, RetryAfter: answer.RetryAfter, Body: answer.Body})
}

// writeStates saves the last of the states. Each is the whole state, so the earlier ones are saved with it.
func (m *runner) writeStates(batch []pendingSave) {
	result := abi.Event{Type: abi.EventSaved}
	if err := m.storage.Save(batch[len(batch)-1].state); err != nil {
		result = abi.Event{Type: abi.EventSaveFailed, Detail: err.Error()}
	}
	for _, s := range batch {
		result.ID = s.id
		m.feedBackground(s.run, result)
	}
}

// setTimer sets the one timer to fire in so many ms; negative: none. The caller holds the lock.
func (m *runner) setTimer(in int64) {
	m.stopTimer()
	m.timerID++
	if in < 0 {
		m.stopTimer = func() {}
		return
	}
	run, number := m.generation, m.timerID
	m.stopTimer = m.clock.AfterFunc(time.Duration(in)*time.Millisecond, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if run == m.generation && number == m.timerID {
			_ = m.step(abi.Event{Type: abi.EventTimer}) // the module never refuses it
		}
	})
}

// deliverVerdict answers a call of the program, or queues a verdict that answers none. The caller holds the lock.
func (m *runner) deliverVerdict(e abi.Effect) {
	if e.Call == 0 {
		m.verdicts.put(unsolicitedVerdict{*e.Verdict, m.starting || e.Verdict.OfflineTolerated})
		return
	}
	if answer, ok := m.calls[e.Call]; ok {
		delete(m.calls, e.Call)
		answer <- callResult{*e.Verdict, e.Body}
	}
}

// closeInstance closes the instance and answers all open calls with v. The caller holds the lock.
func (m *runner) closeInstance(v Verdict) {
	if m.inst != nil {
		m.inst.close()
		m.inst = nil
	}
	m.generation++
	m.setTimer(-1)
	for number, answer := range m.calls {
		delete(m.calls, number)
		answer <- callResult{Verdict: v}
	}
}

// status asks the module for the status. The caller does not hold the lock.
func (m *runner) status() (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inst == nil {
		return Status{}, &Error{m.stopped}
	}
	reply, err := m.inst.invoke(&abi.Call{Op: abi.OpStatus, Handle: m.handle})
	if t, ok := errors.AsType[*trapError](err); ok {
		m.recoverFromTrap(t)
		return Status{}, newError(license.CodeInternal, "%s", t.why)
	}
	if err != nil {
		return Status{}, err
	}
	return *reply.Status, nil
}

// stop ends everything but the writes that are still to be made; flushed is closed when they are done.
func (m *runner) stop() (flushed <-chan struct{}) {
	m.mu.Lock()
	m.stopped = abi.Describe(license.CodeNotRunning, "")
	m.closeInstance(m.stopped)
	m.mu.Unlock()
	m.cancel()
	m.verdicts.close()
	return m.saves.close()
}

// verdictOf returns the verdict of an error; one that is no *Error has the code internal.
func verdictOf(err error) Verdict {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal.Verdict
	}
	return abi.Describe(license.CodeInternal, err.Error())
}

// setMillis sets *to to t in the form of the ABI: milliseconds since 1970.
func setMillis[T ~int64](to *T, t time.Time) { *to = T(t.UnixMilli()) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
