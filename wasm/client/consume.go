package client

import (
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

const (
	maxConsume        = 1_000_000_000 // calls at once
	earlySyncInterval = 1_000         // ms between two syncs that refused calls have caused
)

// consume counts calls. Every-call: the server is asked at once and its answer is the answer. Interval: what the lease leaves is
// counted here; past it the call is refused, and the server asked in the background whether there is more by now.
func (c *Client) consume(e abi.Event) {
	if e.N < 1 || e.N > maxConsume {
		c.answerCall(e.Call, abi.Describe(license.CodeBadCall, fmt.Sprintf("n is %d", e.N)))
		return
	}
	ch := c.mainChain(e.Call)
	if ch == nil {
		return
	}
	if ch.current == nil || ch.current.Settings.Trigger == lease.EveryCall {
		ch.enqueue(&call{number: e.Call, kind: callConsume, n: e.N})
		return
	}
	v := ch.verdict()
	if v.OK && !ch.countCalls(e.N) {
		v = ch.exhaustionVerdict()
	}
	v.License = ch.license
	c.answerCall(e.Call, v)
	if !v.OK && ch.state == ready && c.clock.mono >= ch.earlySyncAt+earlySyncInterval {
		ch.earlySyncAt = c.clock.mono
		ch.fire(due)
	}
}

// Consume is consume without JSON, for the case in which nothing is to be said: the lease is good, the trigger is interval, and
// there is enough left. It answers with one of the abi.Consume… values.
func (c *Client) Consume(n int64, now lease.Time) int32 {
	ch := c.firstLoaded()
	if !c.running || ch == nil || n < 1 || n > maxConsume || now < 0 || now > lease.MaxCount {
		return abi.ConsumeNotCounted
	}
	c.clock.tick(now, c.clock.mono)
	if ch.current == nil || ch.current.Settings.Trigger == lease.EveryCall || !ch.isUsable() {
		return abi.ConsumeNotCounted
	}
	idle := !c.dirty
	if !ch.countCalls(n) {
		return abi.ConsumeNotCounted
	}
	if idle || ch.isJournalDue() || ch.isRefillDue() {
		return abi.ConsumePoll // the host must set the journal's timer, or save now
	}
	return abi.ConsumeCounted
}

func (ch *chain) isUsable() bool {
	code := ch.currentCode()
	return code == license.CodeOK || code == license.CodeGrace
}

// countCalls takes n calls from what the lease leaves.
func (ch *chain) countCalls(n int64) bool {
	if ch.current.Settings.Type.LimitsCalls() && n > ch.remaining() {
		return false
	}
	ch.counted += n
	ch.c.dirty = true
	return true
}

// remaining is how many calls may be counted before the server has said more: what is prepaid, or what the license has left.
func (ch *chain) remaining() int64 {
	if ch.current.Settings.Prepaid > 0 {
		return ch.current.Counters.Granted - ch.counted
	}
	return ch.current.Counters.Remaining() - ch.unconfirmedCount()
}

// hasAllowance tells whether what the lease leaves is enough for a call that a request has carried.
func (ch *chain) hasAllowance(k *call) bool {
	return !ch.current.Settings.Type.LimitsCalls() || k.countAfter-ch.counted <= ch.remaining()
}

// exhaustionVerdict is why there is nothing left.
func (ch *chain) exhaustionVerdict() abi.Verdict {
	if ch.current.Settings.Prepaid > 0 && ch.current.Counters.Remaining() > 0 {
		return abi.Describe(license.CodePrepaidExhausted, fmt.Sprintf("%d calls of %d that were granted are counted", ch.counted, ch.current.Counters.Granted))
	}
	return abi.Describe(license.CodeExhausted, ch.usageDetail())
}

// isRefillDue tells whether half of what was prepaid is spent, and the server may have more.
func (ch *chain) isRefillDue() bool {
	return ch.current != nil && ch.state == ready && ch.failures == 0 && ch.current.Settings.Prepaid > 0 && ch.current.Counters.Remaining() > 0 &&
		ch.remaining() <= ch.current.Settings.Prepaid/2 && ch.unconfirmedCount() > 0
}

// isJournalDue tells whether so much was counted since the last save that a crash would lose more than the license puts up with.
func (ch *chain) isJournalDue() bool {
	return ch.current != nil && ch.counted-ch.savedCount >= max(ch.current.Settings.JournalEvery, 1)
}
