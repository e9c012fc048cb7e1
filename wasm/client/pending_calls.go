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
	number        int64
	kind          callKind
	inRequest     bool       // the present request carries it
	n, countAfter int64      // consume: number of calls, and the chain's count including them
	slot          lease.Slot // reserve
	borrow        int64      // reserve: ms
	triedChains   []*chain   // reserve: licenses that have refused it
	openParts     *int       // shutdown: number of chains that have not answered yet; shared by their calls
}

// maxReservationsPerRequest limits a request so that its answer fits into a lease with room to spare.
const maxReservationsPerRequest = 8

// enqueue queues a call and makes sure that a request will carry it.
func (ch *chain) enqueue(k *call) {
	ch.calls = append(ch.calls, k)
	ch.fire(due)
}

// addToRequest puts a call into a request. Calls are counted here and not before, so that a call that is refused without having been sent
// costs nothing. A re-activation carries no counts, since the server's number stands.
func (ch *chain) addToRequest(k *call, r *lease.Request) {
	switch {
	case k.kind == callConsume && r.Challenge != "", k.kind == callGoodbye && !r.Goodbye:
		ch.syncAgain = true
		return
	case k.kind == callConsume:
		ch.counted += k.n
		k.countAfter = ch.counted
	case k.kind == callReserve && len(r.Want) == maxReservationsPerRequest:
		ch.syncAgain = true
		return
	case k.kind == callReserve && !slices.ContainsFunc(r.Want,
		func(w lease.ReservationRequest) bool { return w.Entitlement == k.slot.Entitlement }):
		r.Want = append(r.Want, lease.ReservationRequest{Slot: k.slot, Borrow: k.borrow})
	case k.kind == callReserve && !slices.Contains(r.Want, lease.ReservationRequest{Slot: k.slot, Borrow: k.borrow}):
		ch.syncAgain = true // the same entitlement in another context: one request after the other
		return
	}
	k.inRequest = true
}

// removeFromRequest undoes addToRequest for all calls of a request that is given up.
func (ch *chain) removeFromRequest() {
	for _, k := range ch.calls {
		if k.inRequest && k.kind == callConsume {
			//mutant:tests remove: a request that is given up counts nothing
			ch.counted -= k.n
		}
		k.inRequest = false
	}
}

// answerAfterLease answers the calls that the request carried.
func (ch *chain) answerAfterLease() {
	for _, k := range ch.takeCalls() {
		switch {
		case !k.inRequest, k.kind == callStart && ch.delayUntil > ch.c.clock.mono:
			ch.calls = append(ch.calls, k)
			ch.syncAgain = ch.syncAgain || !k.inRequest
		case k.kind == callConsume && k.countAfter > ch.current.Counters.Counted:
			ch.resolve(k, abi.Describe(license.CodeExhausted, ch.usageDetail()))
		case k.kind == callReserve:
			ch.answerReserve(k)
		case k.kind == callSync && ch.current.Verdict != license.CodeOK:
			ch.resolve(k, abi.Describe(ch.current.Verdict, ch.usageDetail()))
		default:
			ch.resolve(k, ch.verdict())
		}
	}
}

// answerDelayedStarts answers the starts that waited for the end of the activation delay.
func (ch *chain) answerDelayedStarts() {
	for _, k := range ch.takeCalls() {
		if k.kind == callStart && k.inRequest {
			ch.resolve(k, ch.verdict())
		} else {
			ch.calls = append(ch.calls, k)
		}
	}
}

// answerAfterFailure answers all calls after a failed exchange: what the last lease allows continues, nothing new is granted.
func (ch *chain) answerAfterFailure() {
	for _, k := range ch.takeCalls() {
		v := ch.verdict()
		switch {
		case ch.isDeactivating() && k.kind != callConsume && k.kind != callReserve: // the goodbye itself, or a call that waits for it
			v = ch.problem
			v.OK, v.AllowContinue = false, false
		case v.OK && k.kind == callStart:
			v.Detail = string(ch.problem.Code) + ": " + ch.problem.Detail
		case v.OK && k.kind == callConsume && ch.current.Settings.Grace > 0 && ch.problem.Class != license.ClassRetryAt:
			if k.inRequest && !ch.hasAllowance(k) || !k.inRequest && !ch.countCalls(k.n) {
				v = ch.exhaustionVerdict()
			}
		case v.OK || ch.current == nil:
			allow := v.OK
			v = ch.problem
			v.OK, v.AllowContinue = false, allow
		}
		ch.resolve(k, v)
	}
}

// resolve answers one call and completes its verdict with license and slot.
func (ch *chain) resolve(k *call, v abi.Verdict) {
	if k.openParts != nil {
		if *k.openParts--; *k.openParts > 0 {
			return
		}
	}
	if k.kind == callStart {
		ch.notifiedCode = ch.currentCode()
		v.OfflineTolerated = ch.c.isOfflineTolerated(v)
	}
	v.License, v.Context, v.Entitlement = ch.license, k.slot.Context, k.slot.Entitlement
	ch.c.answerCall(k.number, v)
}

// isStarting reports whether a start waits for the server.
func (ch *chain) isStarting() bool {
	return slices.ContainsFunc(ch.calls, func(k *call) bool { return k.kind == callStart })
}

// takeCalls empties the queue and returns it.
func (ch *chain) takeCalls() []*call {
	calls := ch.calls
	ch.calls = nil
	return calls
}
