package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Advance implements licensing.Chains. Everything is worked out beside the records and put into them at the end, so that a refusal on
// the way has changed nothing.
func (s *Store) Advance(_ context.Context, a licensing.Advance) (lease.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.license(a.Org, a.Key.License)
	if b == nil {
		return nil, licensing.ErrNotFound
	}
	held := b.activations[a.Key.Activation]
	known := held != nil
	if !known {
		held = &activation{}
	}
	is := held.record
	switch {
	case known && is.Head == a.To && is.Request == a.Request:
		return is.Lease, nil
	case b.record.Revision != a.Revision || is.Head != a.From || (!known || is.Closed != 0) != (a.NewActivation != nil):
		return nil, licensing.ErrStale
	case a.Reactivation != nil && is.Reactivations.Revision != a.Reactivation.History.Revision-1:
		return nil, licensing.ErrStale
	}

	meter := b.meter
	if a.NewActivation != nil {
		if err := meter.Join(a.NewActivation, a.Now, a.Key.Activation); err != nil {
			return nil, err
		}
		is.Created, is.Closed = a.Now, 0
	}
	if a.Reactivation != nil {
		if is.ReactivationCount == 0 || int64(a.Now) >= int64(is.ReactivationWindowStart)+a.Reactivation.Window {
			is.ReactivationWindowStart, is.ReactivationCount = a.Now, 0
		}
		if is.ReactivationCount >= a.Reactivation.Budget {
			return nil, limitError(license.CodeRestoredTooOften, int64(is.ReactivationWindowStart)+a.Reactivation.Window, "%d re-activations in %d ms", is.ReactivationCount, a.Reactivation.Window)
		}
		is.ReactivationCount++
		is.Reactivations = a.Reactivation.History
	}
	account := meter.Charge(a.UsageCharge, is.Counted, is.Charged)
	is.Counted, is.Charged = account.Counted, account.Charged
	if a.Goodbye {
		is.Closed = a.Now
		meter.Leave(a.Key.Activation)
	}
	is.ActivationKey, is.Organisation, is.Device = a.Key, a.Org, a.Device
	is.Head, is.Request, is.LastSync, is.LastReport = a.To, a.Request, a.Now, a.LastReport

	out := account.Outcome()
	seats := s.updateSeats(&a, b, held, &out)
	var err error
	if is.Lease, err = a.Compose(out); err != nil {
		return nil, err
	}

	b.meter = meter
	held.record, held.seats = is, seats
	if !known {
		held.seq = s.nextSeq()
		b.activations[a.Key.Activation] = held
	}
	return is.Lease, nil
}

// updateSeats is what the activation holds after the advance; it writes the same into the outcome.
func (s *Store) updateSeats(a *licensing.Advance, b *licenseState, held *activation, out *licensing.Outcome) []seat {
	if len(held.seats)+len(a.Reserve) == 0 {
		return nil
	}
	kept := make([]seat, 0, len(held.seats)+len(a.Reserve))
	for _, r := range held.seats {
		if !a.Goodbye && r.record.Until > a.Now && !slices.Contains(a.Release, r.record.Entitlement) {
			r.record.Until = max(r.record.Until, a.Until)
			kept = append(kept, r)
		}
	}
	for _, want := range a.Reserve {
		at := slices.IndexFunc(kept, func(r seat) bool { return r.record.Entitlement == want.Entitlement })
		switch {
		case at >= 0:
			kept[at].record.Until = max(kept[at].record.Until, want.Until)
		case !a.Goodbye && (want.Slots == licensing.Unlimited || seatsTaken(b, held, want.Entitlement, a.Now) < want.Slots):
			kept = append(kept, seat{s.nextSeq(), licensing.Reservation{ActivationKey: a.Key, Entitlement: want.Entitlement, Context: want.Context,
				Since: a.Now, Until: want.Until}})
		default:
			out.Denied = append(out.Denied, lease.Denial{Slot: want.Slot, Code: license.CodeNoSlots})
		}
	}
	if len(kept) > 0 {
		out.Reservations = make([]lease.Reservation, len(kept))
	}
	for n, r := range kept {
		out.Reservations[n] = lease.Reservation{Slot: lease.Slot{Entitlement: r.record.Entitlement, Context: r.record.Context}, Until: r.record.Until}
	}
	slices.SortFunc(kept, func(a, b seat) int { return strings.Compare(a.record.Entitlement, b.record.Entitlement) })
	return kept
}

// seatsTaken is how many slots of the entitlement the others hold. Slots that were granted whatever others hold count as any.
func seatsTaken(b *licenseState, but *activation, entitlement string, now lease.Time) (n int64) {
	for _, a := range b.activations {
		if a == but {
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

func limitError(code license.Code, retryAt int64, format string, args ...any) error {
	return &licensing.Limit{Code: code, Detail: fmt.Sprintf(format, args...), RetryAt: lease.Time(retryAt)}
}
