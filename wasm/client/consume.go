package client

import (
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

const (
	maxConsume = 1_000_000_000 // calls at once
	hurry      = 1_000         // ms between two syncs that refused calls have caused
)

// consume counts calls. Every-call: the server is asked at once and its answer is the answer. Interval: what the lease leaves is
// counted here; past it the call is refused, and the server asked in the background whether there is more by now.
func (c *Client) consume(e abi.Event) {
	if e.N < 1 || e.N > maxConsume {
		c.answer(e.Call, abi.Describe(license.CodeBadCall, fmt.Sprintf("n is %d", e.N)))
		return
	}
	ch := c.main(e.Call)
	if ch == nil {
		return
	}
	if ch.held == nil || ch.held.Settings.Trigger == lease.EveryCall {
		ch.ask(&call{number: e.Call, kind: callConsume, n: e.N})
		return
	}
	v := ch.standing()
	if v.OK && !ch.count(e.N) {
		v = ch.spent()
	}
	v.License = ch.license
	c.answer(e.Call, v)
	if !v.OK && ch.state == ready && c.clock.mono >= ch.hurriedAt+hurry {
		ch.hurriedAt = c.clock.mono
		ch.fire(due)
	}
}

// Consume is consume without JSON, for the case in which nothing is to be said: the lease is good, the trigger is interval, and
// there is enough left. It answers with one of the abi.Consume… values.
func (c *Client) Consume(n int64, now lease.Time) int32 {
	ch := c.first()
	if !c.running || ch == nil || n < 1 || n > maxConsume || now < 0 || now > lease.MaxCount {
		return abi.ConsumeAsk
	}
	c.clock.tick(now, c.clock.mono)
	if ch.held == nil || ch.held.Settings.Trigger == lease.EveryCall || !ch.usable() {
		return abi.ConsumeAsk
	}
	idle := !c.dirty
	if !ch.count(n) {
		return abi.ConsumeAsk
	}
	if idle || ch.journalDue() || ch.refillDue() {
		return abi.ConsumePoll // the host must set the journal's timer, or save now
	}
	return abi.ConsumeCounted
}

func (ch *chain) usable() bool {
	code := ch.code()
	return code == license.CodeOK || code == license.CodeGrace
}

// count takes n calls from what the lease leaves.
func (ch *chain) count(n int64) bool {
	if ch.held.Settings.Type.Counted() && n > ch.left() {
		return false
	}
	ch.counted += n
	ch.c.dirty = true
	return true
}

// left is how many calls may be counted before the server has said more: what is prepaid, or what the license has left.
func (ch *chain) left() int64 {
	if ch.held.Settings.Prepaid > 0 {
		return ch.held.Counters.Granted - ch.counted
	}
	return ch.held.Counters.Left() - ch.pending()
}

// covers tells whether what the lease leaves is enough for a call that a request has carried.
func (ch *chain) covers(k *call) bool {
	return !ch.held.Settings.Type.Counted() || k.upTo-ch.counted <= ch.left()
}

// spent is why there is nothing left.
func (ch *chain) spent() abi.Verdict {
	if ch.held.Settings.Prepaid > 0 && ch.held.Counters.Left() > 0 {
		return abi.Describe(license.CodeNotPrepaid, fmt.Sprintf("%d calls of %d that were granted are counted", ch.counted, ch.held.Counters.Granted))
	}
	return abi.Describe(license.CodeExhausted, ch.account())
}

// refillDue tells whether half of what was prepaid is spent, and the server may have more.
func (ch *chain) refillDue() bool {
	return ch.held != nil && ch.state == ready && ch.failures == 0 && ch.held.Settings.Prepaid > 0 && ch.held.Counters.Left() > 0 &&
		ch.left() <= ch.held.Settings.Prepaid/2 && ch.pending() > 0
}

// journalDue tells whether so much was counted since the last save that a crash would lose more than the license puts up with.
func (ch *chain) journalDue() bool {
	return ch.held != nil && ch.counted-ch.journaled >= max(ch.held.Settings.JournalEvery, 1)
}
