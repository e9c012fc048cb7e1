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

// room is how many seats of a filled pool are left free, so that those who measure find one; of a small pool it is half.
const room = 512

// fillPool lets others hold all seats of a license's pool but room.
func fillPool(s licensing.Store, l licensing.License, slots int) error {
	return parallel(slots-min(room, slots/2), func(n int) error { return hold(s, l, n, slots) })
}

// hold is what the first request of a holder does, without its signature.
func hold(s licensing.Store, l licensing.License, n, slots int) error {
	now := lease.Time(time.Now().UnixMilli())
	id := lease.HashOf(fmt.Appendf(nil, "holder %d", n))
	_, err := s.Advance(context.Background(), licensing.Advance{
		Key: licensing.ActivationKey{License: l.ID, Activation: id}, Org: l.Organisation, To: lease.Position{Generation: 1, Number: 1, Link: id},
		Request: id, Device: string(id), Revision: l.Revision, Now: now, UsageCharge: licensing.UsageCharge{Allowance: licensing.Unlimited}, Until: now + hour,
		Reserve:       []licensing.ReservationRequest{{Slot: seat, Slots: int64(slots), Until: now + hour}},
		NewActivation: &licensing.ActivationLimits{Limit: 1 << 40, Window: 1000},
		Lease: func(o licensing.Outcome) (lease.Document, error) {
			if len(o.Reservations) != 1 {
				return nil, fmt.Errorf("holder %d has no seat", n)
			}
			return lease.Lease{Reservations: o.Reservations}.Document(), nil
		},
	})
	return err
}

// hour is longer than any run.
const hour = 3600_000

// listed is how many licenses there are to be listed.
const listed = 20 * pageSize

// stock makes licenses like the given one.
func stock(s licensing.Store, like licensing.License) error {
	return parallel(listed, func(n int) error {
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
