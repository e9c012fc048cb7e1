package licensing

import (
	"context"

	"github.com/onelicense/onelicense/license"
)

// Reservations lists what is held now: a slot whose deadline has passed is free, whether or not anybody has taken it back.
func (s *Service) Reservations(ctx context.Context, org, id license.ID, page Page) (Listing[Reservation], error) {
	held, err := s.store.Reservations(ctx, org, id, page)
	now, live := s.now(), held.Items[:0]
	for _, r := range held.Items {
		if r.Until > now {
			live = append(live, r)
		}
	}
	held.Items = live
	return held, err
}

// Usage is how many calls of a license were counted, all activations together.
func (s *Service) Usage(ctx context.Context, org, id license.ID) (int64, error) {
	if _, err := s.store.License(ctx, org, id); err != nil {
		return 0, err
	}
	return s.store.Used(ctx, id)
}

// Deactivate closes an activation and frees what it held: the program there is told `deactivated` and stops.
func (s *Service) Deactivate(ctx context.Context, org license.ID, key ActivationKey) error {
	return s.store.Deactivate(ctx, org, key, s.now())
}

// FreeReservation takes one slot back. The program there learns it with its next sync.
func (s *Service) FreeReservation(ctx context.Context, org license.ID, key ActivationKey, entitlement string) error {
	return s.store.FreeReservation(ctx, org, key, entitlement, s.now())
}
