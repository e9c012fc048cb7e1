package client

import (
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// hold is what the program holds of one entitlement in one context: a reference count on a reservation of one license. Several
// holds may share one reservation; the server hears of the last release only.
type hold struct {
	lease.Slot
	ch    *chain
	count int
}

// reserve takes a hold. A hold on the same is counted; a license that already holds the entitlement and is good for the context
// serves next; else the licenses are asked in their order until one grants it.
func (c *Client) reserve(e abi.Event) {
	slot, ok := c.requestedSlot(e)
	if !ok {
		return
	}
	for _, h := range c.holds {
		if e.Borrow > 0 {
			break // only the server can grant more than the lease does
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
	c.askNextLicense(&call{number: e.Call, kind: callReserve, slot: slot, borrow: e.Borrow}, abi.Describe(license.CodeNoLicense, c.missingEntitlement(slot)))
}

// chainGranting is the license whose lease grants the slot already, though the program does not hold it: it was asked for by hand, and the call
// that did so was answered before the lease came.
func (c *Client) chainGranting(slot lease.Slot) *chain {
	for _, ch := range c.chains {
		if ch.current != nil && ch.isLoaded() && ch.request == nil && ch.verdict().OK &&
			slices.ContainsFunc(ch.current.Reservations, func(r lease.Reservation) bool { return r.Slot == slot && c.clock.now() <= r.Until }) {
			return ch
		}
	}
	return nil
}

// askNextLicense asks the next license that may grant the call; if there is none, v is the answer.
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

// answerReserve answers a reserve whose request was leased: granted, or the next license.
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

// release gives one hold back. The answer is not OK when there was none, and then nothing changes.
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

// check tells whether an entitlement is reserved, in the context or, without one, in any, and its license still good.
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

// requestedSlot reads the slot of an event, or answers why it is none.
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

func (c *Client) answerSlot(number int64, slot lease.Slot, v abi.Verdict) {
	v.Context, v.Entitlement = slot.Context, slot.Entitlement
	c.answerCall(number, v)
}

func (c *Client) addHold(ch *chain, slot lease.Slot) {
	for _, h := range c.holds {
		if h.Slot == slot && h.ch == ch {
			h.count++
			return
		}
	}
	c.holds = append(c.holds, &hold{slot, ch, 1})
}

// isNeeded tells whether anything is held, or wanted, of the chain's entitlement.
func (c *Client) isNeeded(ch *chain, entitlement string) bool {
	return slices.ContainsFunc(c.holds, func(h *hold) bool { return h.ch == ch && h.Entitlement == entitlement }) ||
		slices.ContainsFunc(ch.calls, func(k *call) bool { return k.kind == callReserve && k.slot.Entitlement == entitlement })
}

// leakedReservations lists what the server keeps for this chain and the program does not hold or want: left over from a release, or from a run that
// crashed.
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

// verdictFor is the standing of what is held of an entitlement: a slot that was borrowed outlives the lease.
func (ch *chain) verdictFor(entitlement string) abi.Verdict {
	v := ch.verdict()
	if v.Code == license.CodeLeaseExpired && ch.isBorrowed(entitlement) {
		v = abi.Describe(license.CodeGrace, "borrowed; "+v.Detail)
		v.License = ch.license
	}
	return v
}

func (ch *chain) isBorrowed(entitlement string) bool {
	return ch.current != nil && slices.ContainsFunc(ch.current.Reservations, func(r lease.Reservation) bool {
		return r.Entitlement == entitlement && ch.c.clock.now() <= r.Until
	})
}

// hasBorrowed tells whether the program holds anything that outlives the lease.
func (ch *chain) hasBorrowed() bool {
	return slices.ContainsFunc(ch.c.holds, func(h *hold) bool { return h.ch == ch && ch.isBorrowed(h.Entitlement) })
}

// dropExpiredBorrows takes holds away whose time has passed while no lease has renewed them, and says so.
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

// revokeHolds takes holds away whose reservation the server no longer keeps, and says so.
func (ch *chain) revokeHolds() {
	ch.dropHolds(func(entitlement string) bool {
		return slices.ContainsFunc(ch.current.Reservations, func(r lease.Reservation) bool { return r.Entitlement == entitlement })
	}, func() abi.Verdict {
		v := abi.Describe(license.CodeNotReserved, "the server has taken the reservation back")
		v.AllowContinue = true // without this entitlement
		return v
	})
}

// dropHolds takes the chain's holds away but for those that keep says, and tells why, if there is something to tell.
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

// canGrant: a license that came as a file grants what the file says; of one that the program names only the server knows.
func (ch *chain) canGrant(slot lease.Slot) bool {
	if ch.file != nil {
		return ch.file.Grants(slot.Context, slot.Entitlement)
	}
	return ch.isLoaded()
}

// isLoaded tells whether the program has the license in this run: by its id, or as a file that is genuine. A chain from the saved
// state whose file is gone, or was changed, grants nothing.
func (ch *chain) isLoaded() bool { return ch.file != nil || ch.license == ch.c.cfg.LicenseID }

func (ch *chain) grantsInOtherContext(slot lease.Slot) bool {
	return ch.file != nil && slices.ContainsFunc(ch.file.Contexts, func(context string) bool { return ch.file.Grants(context, slot.Entitlement) })
}

func (c *Client) missingEntitlement(slot lease.Slot) string {
	loaded := 0
	for _, ch := range c.chains {
		if ch.isLoaded() {
			loaded++
		}
	}
	return fmt.Sprintf("no license of %d loaded grants %s in the context %s", loaded, slot.Entitlement, slot.Context)
}
