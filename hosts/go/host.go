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

// runner runs one client of the module: it feeds events and carries out effects. Everything about the instance happens under one
// lock; effects that take time are only begun there.
type runner struct {
	engine    *engine
	clock     Clock
	transport Transport
	storage   Storage
	settings  abi.Config

	saves    *workQueue[pendingSave]
	verdicts *workQueue[unsolicitedVerdict]

	ctx    context.Context // of what runs in the background; ended by stop
	cancel context.CancelFunc

	mu          sync.Mutex
	inst        *instance // nil when the machine does not run
	stopped     Verdict   // why it does not
	handle      int32
	generation  int    // counts instances: what belongs to an earlier one is dropped
	state       string // of the last Save: what a new instance goes on from
	files       []File // of the program; a new instance is given them again
	calls       map[int64]chan<- callResult
	lastCall    int64
	starting    bool // the program is still being asked to wait
	stopTimer   func()
	timerID     int // counts timers, so that one that was replaced does nothing
	recentTraps []time.Duration
}

type pendingSave struct {
	run   int
	id    int64
	state string
}

// callResult is the verdict on a call of the program, and the text that comes with it.
type callResult struct {
	Verdict
	body string
}

// unsolicitedVerdict is a verdict that nobody asked for.
type unsolicitedVerdict struct {
	Verdict
	goOn bool // whatever it says: something else stops the program, or the program said that this does not
}

func newRunner(e *engine, cfg *Config, tell func(unsolicitedVerdict)) *runner {
	m := &runner{
		engine: e, clock: cfg.Clock, transport: cfg.Transport, storage: cfg.Storage, settings: cfg.settings(),
		calls: map[int64]chan<- callResult{}, starting: true, stopped: abi.Describe(license.CodeNotRunning, ""),
		stopTimer: func() {},
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.saves = newWorkQueue(m.writeStates)
	m.verdicts = newWorkQueue(func(batch []unsolicitedVerdict) {
		for _, n := range batch {
			tell(n)
		}
	})
	return m
}

// openClient makes the client in a new instance, from the last saved state; the caller holds the lock.
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

// callWithBody is ask with the text that comes with the answer.
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
	case a := <-answer: // in the same moment
		return a.body, errorOf(a.Verdict)
	default:
		return "", fmt.Errorf("onelicense: %s: %w", e.Type, context.Cause(ctx))
	}
}

// beginCall feeds a call; the caller holds the lock.
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

// step feeds one event and carries out its effects; the caller holds the lock. A trap is dealt with here, and is no error; an error
// is a refusal of this event.
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

// feedBackground brings an event from the background, if it is still for the instance that it belongs to.
func (m *runner) feedBackground(run int, e abi.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if run != m.generation {
		return
	}
	// The module refuses no event of ours but an answer that no call can hold, which comes from something else than a server.
	if err := m.step(e); err != nil && e.Type == abi.EventReply {
		m.step(abi.Event{Type: abi.EventFailed, ID: e.ID, Detail: verdictOf(err).Detail})
	}
}

// applyEffect begins one effect; the caller holds the lock.
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

// writeStates puts the last of the states on the disk: each is the whole, so the earlier ones are then saved too.
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

// setTimer sets the one timer; the caller holds the lock.
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
			m.step(abi.Event{Type: abi.EventTimer})
		}
	})
}

// deliverVerdict answers a call of the program, or says what nobody asked for; the caller holds the lock.
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

// closeInstance ends the instance and answers all calls in progress with v; the caller holds the lock.
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

// status asks the module; the caller does not hold the lock.
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

// stop ends everything but the writes that are still to be made; flushed is closed when they are.
func (m *runner) stop() (flushed <-chan struct{}) {
	m.mu.Lock()
	m.stopped = abi.Describe(license.CodeNotRunning, "")
	m.closeInstance(m.stopped)
	m.mu.Unlock()
	m.cancel()
	m.verdicts.close()
	return m.saves.close()
}

func verdictOf(err error) Verdict {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal.Verdict
	}
	return abi.Describe(license.CodeInternal, err.Error())
}

// setMillis writes t as the ABI wants times: milliseconds since 1970.
func setMillis[T ~int64](to *T, t time.Time) { *to = T(t.UnixMilli()) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
