package leasing

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Reservations lists the current reservations of a license. Those past their deadline are left out, also if they are still stored.
func (s *Service) Reservations(
	ctx context.Context, org, id license.ID, page licensing.Page,
) (licensing.Listing[licensing.Reservation], error) {
	held, err := s.store.Reservations(ctx, org, id, page)
	now, live := s.env.Now(), held.Items[:0]
	for _, r := range held.Items {
		if r.Until > now {
			live = append(live, r)
		}
	}
	held.Items = live
	return held, err
}

// Activations lists the activations of a license, newest first, the closed ones too.
func (s *Service) Activations(
	ctx context.Context, org, license license.ID, page licensing.Page,
) (licensing.Listing[licensing.Activation], error) {
	return s.store.Activations(ctx, org, license, page)
}

// NameActivation sets the vendor's name of an installation; empty: none.
func (s *Service) NameActivation(ctx context.Context, org license.ID, key licensing.ActivationKey, name string) error {
	if err := licensing.CheckText("name", name, 0, licensing.MaxText); err != nil {
		return err
	}
	return s.store.NameActivation(ctx, org, key, name)
}

// Deactivate closes an activation and frees what it held. The program is refused with `deactivated` and stops. Its place is released:
// another installation may take it, which is no transfer.
func (s *Service) Deactivate(ctx context.Context, org license.ID, key licensing.ActivationKey) error {
	if err := s.store.Deactivate(ctx, org, key, s.env.Now()); err != nil {
		return err
	}
	//mutant:tests value nil: who is closed does not wait
	return s.leaveQueue(ctx, org, key, true)
}

// FreeReservation ends one reservation. The program learns of it with its next sync, and may request the slot again like any other.
func (s *Service) FreeReservation(ctx context.Context, org license.ID, key licensing.ActivationKey, entitlement string) error {
	if err := s.store.FreeReservation(ctx, org, key, entitlement, s.env.Now()); err != nil {
		return err
	}
	return s.leaveQueue(ctx, org, key, false)
}
