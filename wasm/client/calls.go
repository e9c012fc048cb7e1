package client

import (
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

type callKind int

const (
	callStart callKind = iota
	callSync
	callConsume
	callReserve
	callGoodbye
	callShutdown
	callExport
	callImport
)

// call is a call of the program that waits for the server.
type call struct {
	number   int64
	kind     callKind
	included bool       // the request on its way carries it
	n, upTo  int64      // consume: how many calls, and the chain's count with them
	slot     lease.Slot // reserve
	borrow   int64      // reserve: ms
	tried    []*chain   // reserve: licenses that said no
	parts    *int       // shutdown: chains that have not answered yet, shared among them
}

// maxWants of one request: what an answer can speak of, with room to spare.
const maxWants = 8

// ask queues a call and sees to it that a request carries it.
func (ch *chain) ask(k *call) {
	ch.calls = append(ch.calls, k)
	ch.fire(due)
}

// include puts a call into the request. Calls of the program are counted here, not before: what is refused without having been sent
// costs nothing. A re-activation carries no counts, since the server's number stands.
func (ch *chain) include(k *call, r *lease.Request) {
	switch {
	case k.kind == callConsume && r.Challenge != "", k.kind == callGoodbye && !r.Goodbye:
		ch.more = true
		return
	case k.kind == callConsume:
		ch.counted += k.n
		k.upTo = ch.counted
	case k.kind == callReserve && len(r.Want) == maxWants:
		ch.more = true
		return
	case k.kind == callReserve && !slices.ContainsFunc(r.Want, func(w lease.Want) bool { return w.Entitlement == k.slot.Entitlement }):
		r.Want = append(r.Want, lease.Want{Slot: k.slot, Borrow: k.borrow})
	case k.kind == callReserve && !slices.Contains(r.Want, lease.Want{Slot: k.slot, Borrow: k.borrow}):
		ch.more = true // the same entitlement in another context: one after the other
		return
	}
	k.included = true
}

// exclude takes the calls out of a request that is given up.
func (ch *chain) exclude() {
	for _, k := range ch.calls {
		if k.included && k.kind == callConsume {
			//mutant:tests remove: a request that is given up counts nothing
			ch.counted -= k.n
		}
		k.included = false
	}
}

// answerLeased answers the calls that the request carried.
func (ch *chain) answerLeased() {
	for _, k := range ch.takeCalls() {
		switch {
		case !k.included, k.kind == callStart && ch.openAt > ch.c.clock.mono:
			ch.calls = append(ch.calls, k)
			ch.more = ch.more || !k.included
		case k.kind == callConsume && k.upTo > ch.held.Counters.Counted:
			ch.resolve(k, abi.Describe(license.CodeExhausted, ch.account()))
		case k.kind == callReserve:
			ch.answerReserve(k)
		case k.kind == callSync && ch.held.Verdict != license.CodeOK:
			ch.resolve(k, abi.Describe(ch.held.Verdict, ch.account()))
		default:
			ch.resolve(k, ch.standing())
		}
	}
}

// answerOpen answers the starts that waited for the activation delay.
func (ch *chain) answerOpen() {
	for _, k := range ch.takeCalls() {
		if k.kind == callStart && k.included {
			ch.resolve(k, ch.standing())
		} else {
			ch.calls = append(ch.calls, k)
		}
	}
}

// answerFailed answers all calls after a failed exchange: what the last lease allows goes on, but nothing new is granted.
func (ch *chain) answerFailed() {
	for _, k := range ch.takeCalls() {
		v := ch.standing()
		switch {
		case ch.leaving() && k.kind != callConsume && k.kind != callReserve: // the goodbye itself, or who waits for it
			v = ch.problem
			v.OK, v.AllowContinue = false, false
		case v.OK && k.kind == callStart:
			v.Detail = string(ch.problem.Code) + ": " + ch.problem.Detail
		case v.OK && k.kind == callConsume && ch.held.Settings.Grace > 0 && ch.problem.Class != license.ClassRetryAt:
			if k.included && !ch.covers(k) || !k.included && !ch.count(k.n) {
				v = ch.spent()
			}
		case v.OK || ch.held == nil:
			allow := v.OK
			v = ch.problem
			v.OK, v.AllowContinue = false, allow
		}
		ch.resolve(k, v)
	}
}

// resolve answers one call with what belongs to it.
func (ch *chain) resolve(k *call, v abi.Verdict) {
	if k.parts != nil {
		if *k.parts--; *k.parts > 0 {
			return
		}
	}
	if k.kind == callStart {
		ch.told = ch.code()
	}
	v.License, v.Context, v.Entitlement = ch.license, k.slot.Context, k.slot.Entitlement
	ch.c.answer(k.number, v)
}

func (ch *chain) starting() bool {
	return slices.ContainsFunc(ch.calls, func(k *call) bool { return k.kind == callStart })
}

func (ch *chain) takeCalls() []*call {
	calls := ch.calls
	ch.calls = nil
	return calls
}
