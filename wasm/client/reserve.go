package client

import (
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// hold counts the program's reservations of one entitlement in one context, on a slot of one license. Several holds may share one slot;
// the server is told only of the last release.
type hold struct {
	lease.Slot
	ch    *chain
	count int
}

// reserve takes a hold. A hold on the same slot is counted; a license that already holds the entitlement and covers the context is used
// next; otherwise the licenses are asked in order until one grants it.
func (c *Client) reserve(e abi.Event) {
	slot, ok := c.requestedSlot(e)
	if !ok {
		return
	}
	for _, h := range c.holds {
		if e.Borrow > 0 {
			break // only the server can extend a slot beyond the lease
		}
		if h.Slot == slot || h.Entitlement == slot.Entitlement && h.ch.file != nil && h.ch.file.Grants(slot.Context, slot.Entitlement) {
			if v := h.ch.verdictFor(slot.Entitlement); !v.OK {
				c.answerSlot(e.Call, slot, v)
				return
			}
			c.addHold(h.ch, slot)
			c.answerSlot(e.Call, slot, abi.Describe(license.CodeOK, ""))
			return
		}
	}
	if ch := c.chainGranting(slot); ch != nil && e.Borrow == 0 {
		c.addHold(ch, slot)
		c.answerSlot(e.Call, slot, abi.Describe(license.CodeOK, ""))
		return
	}
	c.askNextLicense(&call{number: e.Call, kind: callReserve, slot: slot, borrow: e.Borrow},
		abi.Describe(license.CodeNoLicense, c.missingEntitlement(slot)))
}

// chainGranting returns the license whose lease grants the slot already although the program does not hold it: the request was exported,
// and the reserve was answered before the lease was imported.
func (c *Client) chainGranting(slot lease.Slot) *chain {
	for _, ch := range c.chains {
		if ch.current != nil && ch.isLoaded() && ch.request == nil && ch.verdict().OK &&
			slices.ContainsFunc(ch.current.Reservations, func(r lease.Reservation) bool { return r.Slot == slot && c.clock.now() <= r.Until }) {
			return ch
		}
	}
	return nil
}

// askNextLicense asks the next license that may grant the call; if there is none, it answers v.
func (c *Client) askNextLicense(k *call, v abi.Verdict) {
	for _, ch := range c.chains {
		if !slices.Contains(k.triedChains, ch) && ch.canGrant(k.slot) {
			k.triedChains = append(k.triedChains, ch)
			k.inRequest = false
			ch.enqueue(k)
			return
		}
	}
	if len(k.triedChains) == 0 && slices.ContainsFunc(c.chains, func(ch *chain) bool { return ch.grantsInOtherContext(k.slot) }) {
		v = abi.Describe(license.CodeContextNotAllowed, c.missingEntitlement(k.slot))
	}
	c.answerSlot(k.number, k.slot, v)
}

// answerReserve answers a reserve after a lease: with the hold, or by asking the next license.
func (ch *chain) answerReserve(k *call) {
	for _, r := range ch.current.Reservations {
		if r.Entitlement == k.slot.Entitlement && !slices.ContainsFunc(ch.current.Denied, func(d lease.Denial) bool { return d.Slot == k.slot }) {
			v := ch.verdictFor(k.slot.Entitlement)
			if v.OK {
				ch.c.addHold(ch, k.slot)
				v = abi.Describe(license.CodeOK, "")
			}
			ch.resolve(k, v)
			return
		}
	}
	v := abi.Describe(license.CodeNoSlots, "")
	for _, d := range ch.current.Denied {
		if d.Slot == k.slot {
			v = abi.Describe(d.Code, "")
		}
	}
	v.License = ch.license
	ch.c.askNextLicense(k, v)
}

// release returns one hold. If there was none, the call is answered with not_reserved and nothing changes.
func (c *Client) release(e abi.Event) {
	slot, ok := c.requestedSlot(e)
	if !ok {
		return
	}
	i := slices.IndexFunc(c.holds, func(h *hold) bool { return h.Slot == slot })
	if i < 0 {
		c.answerSlot(e.Call, slot, abi.Describe(license.CodeNotReserved, ""))
		return
	}
	h := c.holds[i]
	if h.count--; h.count == 0 {
		c.holds = slices.Delete(c.holds, i, i+1)
		if !c.isNeeded(h.ch, slot.Entitlement) {
			h.ch.fire(due)
		}
	}
	c.answerSlot(e.Call, slot, abi.Describe(license.CodeOK, ""))
}

// check reports whether an entitlement is reserved in the context, or in any context if that is empty, and whether its license is still
// good.
func (c *Client) check(e abi.Event) {
	slot := lease.Slot{Entitlement: e.Entitlement, Context: e.Context}
	v := abi.Describe(license.CodeNotReserved, "")
	if !c.running {
		v = abi.Describe(license.CodeNotRunning, "check")
	}
	for _, h := range c.holds {
		if h.Entitlement == e.Entitlement && (e.Context == "" || h.Context == e.Context) {
			v = h.ch.verdictFor(h.Entitlement)
			if v.OK {
				break
			}
		}
	}
	c.answerSlot(e.Call, slot, v)
}

// requestedSlot reads the slot of an event. If it is not valid, it answers the call and returns false.
func (c *Client) requestedSlot(e abi.Event) (lease.Slot, bool) {
	slot := lease.Slot{Entitlement: e.Entitlement, Context: e.Context}
	switch {
	case !c.running:
		c.answerSlot(e.Call, slot, abi.Describe(license.CodeNotRunning, e.Type))
	case !license.ValidName(slot.Context) || !license.ValidName(slot.Entitlement):
		c.answerSlot(e.Call, slot, abi.Describe(license.CodeBadCall, "context or entitlement is not a name"))
	case e.Borrow < 0 || e.Borrow > lease.MaxCount:
		c.answerSlot(e.Call, slot, abi.Describe(license.CodeBadCall, fmt.Sprintf("borrow is %d", e.Borrow)))
	default:
		return slot, true
	}
	return slot, false
}

// answerSlot answers a call and names the slot in the verdict.
func (c *Client) answerSlot(number int64, slot lease.Slot, v abi.Verdict) {
	v.Context, v.Entitlement = slot.Context, slot.Entitlement
	c.answerCall(number, v)
}

// addHold counts one more hold on the slot of the chain's license.
func (c *Client) addHold(ch *chain, slot lease.Slot) {
	for _, h := range c.holds {
		if h.Slot == slot && h.ch == ch {
			h.count++
			return
		}
	}
	c.holds = append(c.holds, &hold{slot, ch, 1})
}

// isNeeded reports whether the program holds or waits for the entitlement of the chain's license.
func (c *Client) isNeeded(ch *chain, entitlement string) bool {
	return slices.ContainsFunc(c.holds, func(h *hold) bool { return h.ch == ch && h.Entitlement == entitlement }) ||
		slices.ContainsFunc(ch.calls, func(k *call) bool { return k.kind == callReserve && k.slot.Entitlement == entitlement })
}

// leakedReservations returns the slots that the server keeps for this chain and the program neither holds nor wants: left over from a
// release, or from a run that crashed.
func (ch *chain) leakedReservations(want []lease.ReservationRequest) []lease.Slot {
	if ch.current == nil {
		return nil
	}
	var drop []lease.Slot
	for _, r := range ch.current.Reservations {
		wanted := slices.ContainsFunc(want, func(w lease.ReservationRequest) bool { return w.Entitlement == r.Entitlement })
		if !wanted && !ch.c.isNeeded(ch, r.Entitlement) {
			drop = append(drop, r.Slot)
		}
	}
	return drop
}

// verdictFor returns the verdict on a held entitlement: a borrowed slot outlives the lease.
func (ch *chain) verdictFor(entitlement string) abi.Verdict {
	v := ch.verdict()
	if v.Code == license.CodeLeaseExpired && ch.isBorrowed(entitlement) {
		v = abi.Describe(license.CodeGrace, "borrowed; "+v.Detail)
		v.License = ch.license
	}
	return v
}

// isBorrowed reports whether the reservation of the entitlement has not ended yet.
func (ch *chain) isBorrowed(entitlement string) bool {
	return ch.current != nil && slices.ContainsFunc(ch.current.Reservations, func(r lease.Reservation) bool {
		return r.Entitlement == entitlement && ch.c.clock.now() <= r.Until
	})
}

// hasBorrowed reports whether the program holds a slot that outlives the lease.
func (ch *chain) hasBorrowed() bool {
	return slices.ContainsFunc(ch.c.holds, func(h *hold) bool { return h.ch == ch && ch.isBorrowed(h.Entitlement) })
}

// dropExpiredBorrows drops and reports holds whose time has passed without a new lease.
func (ch *chain) dropExpiredBorrows() {
	if ch.current == nil || ch.currentCode() != license.CodeLeaseExpired {
		return
	}
	ch.dropHolds(ch.isBorrowed, func() abi.Verdict {
		v := ch.verdict()
		v.Detail = "the time for which the slot was borrowed is over; " + v.Detail
		return v
	})
}

// revokeHolds drops and reports holds whose reservation the server no longer keeps.
func (ch *chain) revokeHolds() {
	ch.dropHolds(func(entitlement string) bool {
		return slices.ContainsFunc(ch.current.Reservations, func(r lease.Reservation) bool { return r.Entitlement == entitlement })
	}, func() abi.Verdict {
		v := abi.Describe(license.CodeNotReserved, "the server has taken the reservation back")
		v.AllowContinue = true // but without this entitlement
		return v
	})
}

// dropHolds drops the chain's holds except those that keep selects, and reports each with the verdict that why makes; nil: none is
// reported.
func (ch *chain) dropHolds(keep func(entitlement string) bool, why func() abi.Verdict) {
	ch.c.holds = slices.DeleteFunc(ch.c.holds, func(h *hold) bool {
		if h.ch != ch || keep(h.Entitlement) {
			return false
		}
		if why != nil {
			v := why()
			v.License, v.Context, v.Entitlement = ch.license, h.Context, h.Entitlement
			ch.c.notify(v)
		}
		return true
	})
}

// canGrant reports whether the license may grant the slot. A license file says so itself; for a license known only by its id the server
// decides.
func (ch *chain) canGrant(slot lease.Slot) bool {
	if ch.file != nil {
		return ch.file.Grants(slot.Context, slot.Entitlement)
	}
	return ch.isLoaded()
}

// isLoaded reports whether the program has the license in this run: by its id, or as a genuine file. A restored chain whose file is
// missing or was changed grants nothing.
func (ch *chain) isLoaded() bool { return ch.file != nil || ch.license == ch.c.cfg.LicenseID }

// grantsInOtherContext reports whether the license file grants the entitlement in any of its contexts.
func (ch *chain) grantsInOtherContext(slot lease.Slot) bool {
	return ch.file != nil && slices.ContainsFunc(ch.file.Contexts,
		func(context string) bool { return ch.file.Grants(context, slot.Entitlement) })
}

// missingEntitlement returns the detail of the refusal when no license grants the slot.
func (c *Client) missingEntitlement(slot lease.Slot) string {
	loaded := 0
	for _, ch := range c.chains {
		if ch.isLoaded() {
			loaded++
		}
	}
	return fmt.Sprintf("no license of %d loaded grants %s in the context %s", loaded, slot.Entitlement, slot.Context)
}
