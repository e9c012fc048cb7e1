package client

import (
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

const (
	maxConsume        = 1_000_000_000 // calls in one event
	earlySyncInterval = 1_000         // ms between two syncs that refused or prepaid calls cause before their time
)

// consume counts calls. With the trigger every_call the server is asked and its answer is the answer. With interval the calls are counted
// against what the lease leaves; beyond that the call is refused, and the server is asked in the background whether there is more by now.
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

// Consume is consume without JSON, for the common case: the lease is good, the trigger is interval, and enough calls are left. It returns
// one of the abi.Consume… values.
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
		return abi.ConsumePoll // the host must set the journal timer or save now
	}
	return abi.ConsumeCounted
}

// isUsable reports whether the license allows calls right now.
func (ch *chain) isUsable() bool {
	code := ch.currentCode()
	return code == license.CodeOK || code == license.CodeGrace
}

// countCalls counts n calls if the lease leaves so many.
func (ch *chain) countCalls(n int64) bool {
	if ch.current.Settings.Type.LimitsCalls() && n > ch.remaining() {
		return false
	}
	ch.counted += n
	ch.c.dirty = true
	return true
}

// remaining returns how many calls may be counted until the server is asked again: of the prepaid ones, or of the allowance.
func (ch *chain) remaining() int64 {
	if ch.current.Settings.Prepaid > 0 {
		return ch.current.Counters.Granted - ch.counted
	}
	return ch.current.Counters.Remaining() - ch.unconfirmedCount()
}

// hasAllowance reports whether the lease leaves enough for a call that a request has carried.
func (ch *chain) hasAllowance(k *call) bool {
	return !ch.current.Settings.Type.LimitsCalls() || k.countAfter-ch.counted <= ch.remaining()
}

// exhaustionVerdict returns the refusal of a call when nothing is left.
func (ch *chain) exhaustionVerdict() abi.Verdict {
	if ch.current.Settings.Prepaid > 0 && ch.current.Counters.Remaining() > 0 {
		return abi.Describe(license.CodePrepaidExhausted,
			fmt.Sprintf("%d calls of %d that were granted are counted", ch.counted, ch.current.Counters.Granted))
	}
	return abi.Describe(license.CodeExhausted, ch.usageDetail())
}

// isRefillDue reports whether half of the prepaid calls are used and the server may grant more.
func (ch *chain) isRefillDue() bool {
	return ch.current != nil && ch.state == ready && ch.failures == 0 && ch.current.Settings.Prepaid > 0 &&
		ch.current.Counters.Remaining() > 0 &&
		ch.remaining() <= ch.current.Settings.Prepaid/2 && ch.unconfirmedCount() > 0
}

// isJournalDue reports whether so many calls were counted since the last save that a crash would lose more than the policy accepts.
func (ch *chain) isJournalDue() bool {
	return ch.current != nil && ch.counted-ch.savedCount >= max(ch.current.Settings.JournalEvery, 1)
}
