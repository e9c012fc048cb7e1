package onelicense

import (
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// A module that keeps trapping is given up: at most maxRestarts in each restartWindow.
const (
	maxRestarts   = 3
	restartWindow = time.Minute
)

// recoverFromTrap discards a trapped instance and resumes in a new one from the last saved state. The caller holds the lock. Open calls
// are answered with internal. Reservations are lost with the instance, and the program is told.
func (m *runner) recoverFromTrap(cause error) {
	v := abi.Describe(license.CodeInternal, cause.Error())
	m.closeInstance(v)
	now := m.clock.Monotonic()
	for len(m.recentTraps) > 0 && now-m.recentTraps[0] > restartWindow {
		m.recentTraps = m.recentTraps[1:]
	}
	m.recentTraps = append(m.recentTraps, now)
	if m.starting || len(m.recentTraps) > maxRestarts {
		m.stopped = v
		m.verdicts.put(unsolicitedVerdict{v, m.starting})
		return
	}
	inst, err := m.engine.instance()
	if err == nil {
		err = m.openClient(inst)
	}
	if err != nil {
		m.stopped = verdictOf(err)
		m.verdicts.put(unsolicitedVerdict{m.stopped, false})
		return
	}
	v.AllowContinue = true // if the program must stop, the new instance says so
	m.verdicts.put(unsolicitedVerdict{v, false})
	m.repeatCall(abi.Event{Type: abi.EventStart})
	if m.files != nil {
		m.repeatCall(abi.Event{Type: abi.EventFiles, Files: m.files})
	}
}

// repeatCall makes a call in place of the program. A refusal is delivered as a verdict that answers no call. The caller holds the lock.
func (m *runner) repeatCall(e abi.Event) {
	answer := make(chan callResult, 1)
	if _, err := m.beginCall(e, answer); err != nil {
		m.verdicts.put(unsolicitedVerdict{verdictOf(err), false})
		return
	}
	go func() {
		a := <-answer
		if !a.OK && a.Code != license.CodeNotRunning && !a.OfflineTolerated {
			m.verdicts.put(unsolicitedVerdict{a.Verdict, false})
		}
	}()
}
