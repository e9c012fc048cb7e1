package memory

import (
	"context"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// activation returns the state of the license and the activation with the key; nil for each that does not exist.
func (s *Store) activation(key licensing.ActivationKey) (*licenseState, *activation) {
	b := s.licenses[key.License]
	if b == nil {
		return nil, nil
	}
	return b, b.activations[key.Activation]
}

// Activation implements licensing.SyncStore, as do the methods below.
func (s *Store) Activation(_ context.Context, key licensing.ActivationKey) (licensing.Activation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, held := s.activation(key)
	if held == nil {
		return licensing.Activation{}, licensing.ErrNotFound
	}
	return held.record, nil
}

// Activations implements licensing.SyncStore.
func (s *Store) Activations(_ context.Context, org, id license.ID, page licensing.Page) (licensing.Listing[licensing.Activation], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.license(org, id)
	if b == nil {
		return licensing.Listing[licensing.Activation]{}, licensing.ErrNotFound
	}
	var all []numbered[licensing.Activation]
	for _, a := range b.activations {
		all = append(all, a.numbered)
	}
	return listNewest(page, all, func(a *licensing.Activation) string { return string(a.Activation) + "\n" + a.Name })
}

// Reservations implements licensing.SyncStore.
func (s *Store) Reservations(_ context.Context, org, id license.ID, page licensing.Page) (licensing.Listing[licensing.Reservation], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.license(org, id)
	if b == nil {
		return licensing.Listing[licensing.Reservation]{}, licensing.ErrNotFound
	}
	var all []seat
	for _, a := range b.activations {
		all = append(all, a.seats...)
	}
	return listNewest(page, all, func(r *licensing.Reservation) string { return string(r.Activation) })
}

// Deactivate implements licensing.SyncStore.
func (s *Store) Deactivate(_ context.Context, org license.ID, key licensing.ActivationKey, now lease.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, held := s.activation(key)
	if held == nil || held.record.Organisation != org {
		return licensing.ErrNotFound
	}
	b.meter.Release(key.Activation, held.record.Closed == 0)
	if held.record.Closed == 0 {
		held.record.Closed, held.seats = now, nil
	}
	return nil
}

// NameActivation implements licensing.SyncStore.
func (s *Store) NameActivation(_ context.Context, org license.ID, key licensing.ActivationKey, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, held := s.activation(key)
	if held == nil || held.record.Organisation != org {
		return licensing.ErrNotFound
	}
	held.record.Name = name
	return nil
}

// FreeReservation implements licensing.SyncStore.
func (s *Store) FreeReservation(_ context.Context, org license.ID, key licensing.ActivationKey, entitlement string, _ lease.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, held := s.activation(key)
	if held == nil || held.record.Organisation != org {
		return licensing.ErrNotFound
	}
	held.seats = slices.DeleteFunc(held.seats, func(r seat) bool { return r.record.Entitlement == entitlement })
	return nil
}

// SaveReactivationHistory implements licensing.SyncStore.
func (s *Store) SaveReactivationHistory(_ context.Context, key licensing.ActivationKey, head lease.Position,
	history licensing.ReactivationHistory, resetBudget bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, held := s.activation(key)
	if held == nil {
		return licensing.ErrNotFound
	}
	return held.record.ReplaceHistory(head, history, resetBudget)
}
