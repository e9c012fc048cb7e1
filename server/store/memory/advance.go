package memory

import (
	"context"
	"slices"
	"strings"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Advance implements licensing.SyncStore. It works on copies and stores them at the end, so that a refusal on the way has changed nothing.
func (s *Store) Advance(_ context.Context, a licensing.Advance) (licensing.AdvanceResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.license(a.Org, a.Key.License)
	if b == nil {
		return licensing.AdvanceResult{}, licensing.ErrNotFound
	}
	held := b.activations[a.Key.Activation]
	exists := held != nil
	if !exists {
		held = &activation{}
	}
	if a.IsAnsweredBy(&held.record) {
		return licensing.AdvanceResult{Document: held.record.Lease, Replayed: true}, nil
	}
	if err := a.CheckPreconditions(b.record.Revision, &held.record); err != nil {
		return licensing.AdvanceResult{}, err
	}

	meter := b.meter
	next, totals, err := a.Apply(held.record, &meter)
	if err != nil {
		return licensing.AdvanceResult{}, err
	}
	seats := s.nextSeats(&a, b, held)
	out := totals.Outcome()
	out.SetSeats(&a, records(seats))
	if next.Lease, err = a.Lease(out); err != nil {
		return licensing.AdvanceResult{}, err
	}

	slices.SortFunc(seats, func(a, b seat) int { return strings.Compare(a.record.Entitlement, b.record.Entitlement) })
	b.meter = meter
	held.record, held.seats = next, seats
	if !exists {
		held.seq = s.nextSeq()
		b.activations[a.Key.Activation] = held
	}
	return licensing.AdvanceResult{Document: next.Lease, Outcome: out}, nil
}

// nextSeats returns the seats that the activation holds after the advance: those that it keeps, then those that it is granted.
func (s *Store) nextSeats(a *licensing.Advance, b *licenseState, held *activation) []seat {
	if len(held.seats)+len(a.Reserve) == 0 {
		return nil
	}
	seats := make([]seat, 0, len(held.seats)+len(a.Reserve))
	for _, r := range held.seats {
		if a.KeepsSeat(r.record) {
			r.record.Until = a.SeatDeadline(r.record)
			seats = append(seats, r)
		}
	}
	for _, want := range a.SeatRequests() {
		isHeld := slices.ContainsFunc(seats, func(r seat) bool { return r.record.Entitlement == want.Entitlement })
		if !isHeld && want.HasFreeSlot(seatsTaken(b, held, want.Entitlement, a.Now)) {
			seats = append(seats, seat{s.nextSeq(), licensing.Reservation{ActivationKey: a.Key, Entitlement: want.Entitlement, Context: want.Context,
				Since: a.Now, Until: want.Until}})
		}
	}
	return seats
}

// records returns the reservations of the seats, in their order.
func records(seats []seat) []licensing.Reservation {
	var all []licensing.Reservation
	for _, r := range seats {
		all = append(all, r.record)
	}
	return all
}

// seatsTaken returns how many slots of the entitlement other activations hold, those that were granted without a free slot included.
func seatsTaken(b *licenseState, except *activation, entitlement string, now lease.Time) (n int64) {
	for _, a := range b.activations {
		if a == except {
			continue
		}
		for _, r := range a.seats {
			if r.record.Entitlement == entitlement && r.record.Until > now {
				n++
			}
		}
	}
	return n
}
