package licensing

import (
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// The rules of seats that do not depend on how a store counts those of a pool.

// HoldsSeat reports whether a seat of the activation is still its own at the advance: a goodbye gives up all seats, and a seat whose
// deadline has passed is free, also for the activation that held it.
func (a *Advance) HoldsSeat(r Reservation) bool { return !a.Goodbye && r.Until > a.Now }

// ReleasesSeat reports whether the request gives back the activation's seat of the entitlement.
func (a *Advance) ReleasesSeat(entitlement string) bool {
	return slices.Contains(a.Release, entitlement)
}

// KeepsSeat reports whether the activation goes on holding a seat.
func (a *Advance) KeepsSeat(r Reservation) bool {
	return a.HoldsSeat(r) && !a.ReleasesSeat(r.Entitlement)
}

// SeatDeadline returns the deadline of a seat that the activation keeps: each is renewed to the advance's Until, and one that is requested
// again to the deadline of that request. A deadline is never brought forward.
func (a *Advance) SeatDeadline(r Reservation) lease.Time {
	until := max(r.Until, a.Until)
	for _, want := range a.Reserve {
		if want.Entitlement == r.Entitlement {
			until = max(until, want.Until)
		}
	}
	return until
}

// SeatRequests returns the requested slots, one for each entitlement: an activation has at most one seat of each. Of two requests for the
// same entitlement the first one's context counts, the later deadline and the larger number of slots. A goodbye is granted nothing.
func (a *Advance) SeatRequests() []ReservationRequest {
	if a.Goodbye {
		return nil
	}
	if len(a.Reserve) < 2 {
		return a.Reserve
	}
	merged := make([]ReservationRequest, 0, len(a.Reserve))
	for _, next := range a.Reserve {
		at := slices.IndexFunc(merged, func(r ReservationRequest) bool { return r.Entitlement == next.Entitlement })
		if at < 0 {
			merged = append(merged, next)
			continue
		}
		first := &merged[at]
		first.Until = max(first.Until, next.Until)
		if first.Slots != Unlimited && (next.Slots == Unlimited || next.Slots > first.Slots) {
			first.Slots = next.Slots
		}
	}
	return merged
}

// HasFreeSlot reports whether a slot is free for the request while others hold so many of them.
func (r ReservationRequest) HasFreeSlot(taken int64) bool {
	return r.Slots == Unlimited || taken < r.Slots
}

// SetSeats sets the seats of the outcome: those that the activation holds after the advance, in this order, and a denial for each requested
// slot of which it holds none.
func (o *Outcome) SetSeats(a *Advance, held []Reservation) {
	o.Reservations, o.Denied = nil, nil
	for _, r := range held {
		o.Reservations = append(o.Reservations, lease.Reservation{Slot: lease.Slot{Entitlement: r.Entitlement, Context: r.Context},
			Until: r.Until})
	}
	for _, want := range a.Reserve {
		if !slices.ContainsFunc(held, func(r Reservation) bool { return r.Entitlement == want.Entitlement }) {
			o.Denied = append(o.Denied, lease.Denial{Slot: want.Slot, Code: license.CodeNoSlots})
		}
	}
}
