package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// freeSeats is the number of seats of a filled pool that stay free for the measured clients; of a small pool half stay free.
const freeSeats = 512

// fillPool lets others hold all seats of a license's pool but room.
func fillPool(s licensing.Store, l licensing.License, slots int) error {
	return parallel(slots-min(freeSeats, slots/2), func(n int) error { return activateHolder(s, l, n, slots) })
}

// activateHolder makes an activation that holds a seat, as its first request would.
func activateHolder(s licensing.Store, l licensing.License, n, slots int) error {
	now := lease.Time(time.Now().UnixMilli())
	id := lease.HashOf(fmt.Appendf(nil, "holder %d", n))
	_, err := s.Advance(context.Background(), licensing.Advance{
		Key: licensing.ActivationKey{License: l.ID, Activation: id}, Org: l.Organisation, To: lease.Position{Generation: 1, Number: 1, Link: id},
		Request: id, Device: string(id), Revision: l.Revision, Now: now, UsageCharge: licensing.UsageCharge{Allowance: licensing.Unlimited},
		Until:   now + holdDuration,
		Reserve: []licensing.ReservationRequest{{Slot: seat, Slots: int64(slots), Until: now + holdDuration}},
		NewActivation: &licensing.ActivationLimits{
			Limit: 1 << 40, Window: 1000, MaxMachines: licensing.Unlimited, TransferLimit: licensing.Unlimited,
		},
		Lease: func(o licensing.Outcome) (lease.Document, error) {
			if len(o.Reservations) != 1 {
				return nil, fmt.Errorf("holder %d has no seat", n)
			}
			return lease.Lease{Reservations: o.Reservations}.Document(), nil
		},
	})
	return err
}

// holdDuration is longer than any run.
const holdDuration = 3600_000

// listedLicenses is the number of licenses that the list has.
const listedLicenses = 20 * pageSize

// createLicenses stores copies of the given license under new ids.
func createLicenses(s licensing.Store, like licensing.License) error {
	return parallel(listedLicenses, func(n int) error {
		l := like
		l.ID, l.Name = license.ID(fmt.Sprintf("%024x", n)), fmt.Sprintf("license %d", n)
		return s.CreateLicense(context.Background(), l)
	})
}

// parallel calls f for each n below the number, many at a time, as group commits want it.
func parallel(number int, f func(n int) error) error {
	const atOnce = 64
	errs := make([]error, atOnce)
	var wait sync.WaitGroup
	for k := range atOnce {
		wait.Go(func() {
			for n := k; n < number && errs[k] == nil; n += atOnce {
				errs[k] = f(n)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}
