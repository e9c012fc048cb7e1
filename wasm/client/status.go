package client

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// currentCode returns the license's state right now: by the last lease, the last failure and the clock.
func (ch *chain) currentCode() license.Code {
	c := ch.c
	switch {
	case ch.state == closed, ch.isDeactivating():
		return license.CodeDeactivated
	//mutant:stories never: what is final does not ride the grace
	case ch.problem.Class == license.ClassFinal:
		return ch.problem.Code // a final refusal has no grace
	case ch.keyProblem.Code != "":
		return ch.keyProblem.Code
	case c.statement != nil && c.statement.Revokes(ch.license):
		return license.CodeRevoked
	case ch.current == nil && ch.problem.Code != "":
		return ch.problem.Code
	case ch.current == nil:
		return license.CodeNotRunning
	case c.clock.isSetBack(ch.current.Settings.ClockTolerance):
		return license.CodeClockSetBack
	case ch.current.Settings.Type.LimitsTime() && ch.current.Expires > 0 && c.clock.now() >= ch.current.Expires:
		return license.CodeExpired
	// The answer to an exchange that began in time is waited for.
	//mutant:stories never: a lease ends
	case c.clock.now() > ch.current.NotAfter && !(ch.startedInTime && (ch.state == saving || ch.state == sending)):
		return license.CodeLeaseExpired
	case ch.failures > ch.current.Settings.MaxRetries:
		return license.CodeGrace
	}
	return license.CodeOK
}

// verdict returns currentCode as a verdict, with the evidence as its detail.
func (ch *chain) verdict() abi.Verdict {
	code := ch.currentCode()
	detail := ""
	switch {
	case code == ch.problem.Code:
		return ch.problem
	case code == ch.keyProblem.Code:
		return ch.keyProblem
	case code == license.CodeRevoked:
		detail = fmt.Sprintf("by the product's list %d of %s", ch.c.statement.Number, ch.c.statement.Time)
	case code == license.CodeClockSetBack:
		detail = fmt.Sprintf("the clock says %s, the latest signed time is %s", ch.c.clock.wall, ch.c.clock.mark)
	case code == license.CodeExpired:
		detail = fmt.Sprintf("at %s, now is %s", ch.current.Expires, ch.c.clock.now())
	case code == license.CodeLeaseExpired || code == license.CodeGrace:
		detail = fmt.Sprintf("the lease allows to go on until %s; %d failed attempts, the last: %s %s",
			ch.current.NotAfter, ch.failures, ch.problem.Code, ch.problem.Detail)
	}
	v := abi.Describe(code, detail)
	v.License = ch.license
	return v
}

// notifyChange notifies the program when the state of a license has changed since it was last told. While a start or a goodbye is on its
// way, the answer to that reports the state.
func (ch *chain) notifyChange() {
	if !ch.c.running || ch.current == nil && ch.problem.Code == "" || ch.isStarting() || ch.isDeactivating() {
		return
	}
	code := ch.currentCode()
	if ch.notifiedCode != "" && code != ch.notifiedCode {
		v := ch.verdict()
		v.License = ch.license
		if code == license.CodeLeaseExpired && ch.hasBorrowed() {
			v.AllowContinue = true // with the borrowed slots
		}
		ch.c.notify(v)
	}
	ch.notifiedCode = code
}

// usageDetail returns the detail of the code exhausted.
func (ch *chain) usageDetail() string {
	return fmt.Sprintf("%d of %d calls are used", ch.current.Counters.Used+ch.unconfirmedCount(), ch.current.Counters.Allowance)
}

// httpDetail returns the detail of server_error: code and detail of a problem document, else the beginning of the body.
func httpDetail(e abi.Event) string {
	var problem struct{ Code, Title, Detail string }
	if json.Unmarshal([]byte(e.Body), &problem) == nil && problem.Code != "" {
		return fmt.Sprintf("HTTP status %d, %.64s: %.300s", e.Status, problem.Code, cmp.Or(problem.Detail, problem.Title))
	}
	return fmt.Sprintf("HTTP status %d: %.300s", e.Status, e.Body)
}

// Status returns the state of all licenses. It changes nothing.
func (c *Client) Status() abi.Status {
	s := abi.Status{Root: c.root, Pinned: c.cfg.pin != "" || c.cfg.Keyring != "", Files: c.fileVerdicts}
	for _, ch := range c.chains {
		one := abi.LicenseStatus{
			License: ch.license, Activation: ch.activation, State: string(ch.state), Verdict: ch.verdict(), Pending: ch.unconfirmedCount(),
		}
		for _, h := range c.holds {
			if h.ch == ch {
				one.Holds = append(one.Holds, abi.Hold{Slot: h.Slot, Count: h.count})
			}
		}
		if l := ch.current; l != nil {
			one.Generation, one.Number, one.Counters = l.Generation, l.Number, l.Counters
			one.Expires, one.NotAfter, one.Reservations, one.Relay, one.Receipt = l.Expires, l.NotAfter, l.Reservations, ch.relay, ch.currentText
		}
		s.Licenses = append(s.Licenses, one)
	}
	return s
}
