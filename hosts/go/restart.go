package onelicense

import (
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// A module that traps again and again is given up: at most maxRestarts in each restartWindow.
const (
	maxRestarts   = 3
	restartWindow = time.Minute
)

// restart throws a trapped instance away and goes on in a new one from the last saved state; the caller holds the lock. Calls in
// progress are answered with internal. Reservations are lost with the instance, and the program is told.
func (m *machine) restart(cause error) {
	v := abi.Describe(license.CodeInternal, cause.Error())
	m.abandon(v)
	now := m.clock.Monotonic()
	for len(m.restarts) > 0 && now-m.restarts[0] > restartWindow {
		m.restarts = m.restarts[1:]
	}
	m.restarts = append(m.restarts, now)
	if m.starting || len(m.restarts) > maxRestarts {
		m.gone = v
		m.notices.put(notice{v, m.starting})
		return
	}
	inst, err := m.engine.instance()
	if err == nil {
		err = m.open(inst)
	}
	if err != nil {
		m.gone = verdictOf(err)
		m.notices.put(notice{m.gone, false})
		return
	}
	v.AllowContinue = true // the new instance says so if not
	m.notices.put(notice{v, false})
	m.resume(abi.Event{Type: abi.EventStart})
	if m.files != nil {
		m.resume(abi.Event{Type: abi.EventFiles, Files: m.files})
	}
}

// resume makes a call in the program's stead; a refusal goes where verdicts go that nobody asked for. The caller holds the lock.
func (m *machine) resume(e abi.Event) {
	answer := make(chan answered, 1)
	if _, err := m.begin(e, answer); err != nil {
		m.notices.put(notice{verdictOf(err), false})
		return
	}
	go func() {
		a := <-answer
		if !a.OK && a.Code != license.CodeNotRunning && !m.offline.excuses(a.Code) {
			m.notices.put(notice{a.Verdict, false})
		}
	}()
}
