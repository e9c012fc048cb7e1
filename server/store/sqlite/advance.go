package sqlite

import (
	"context"
	"errors"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

const meterColumns = `m.used, m.period, m.before, m.closed, m.machines, m.places, m.window_from, m.window_count, m.moves_from, m.moves, m.last_activation,
	m.departed`

// readMeter reads a license's row of counters, after what else the row has.
func readMeter(row scanner, first ...any) (m licensing.Meter, err error) {
	var closed, left string
	err = row.Scan(append(first, &m.Used, &m.Period, &m.UsedBeforePeriod, &closed, &m.Machines, &m.Places, &m.WindowFrom, &m.WindowCount, &m.MovesFrom, &m.Moves,
		&m.LastActivation, &left)...)
	if err != nil {
		return m, mapNotFound(err)
	}
	return m, errors.Join(decodeSparse(closed, &m.ClosedPeriods), decodeSparse(left, &m.VacatedBy))
}

func saveMeter(t *tx, id license.ID, m licensing.Meter) error {
	_, err := t.exec(`UPDATE meters SET used = ?, period = ?, before = ?, closed = ?, machines = ?, places = ?, window_from = ?, window_count = ?, moves_from = ?,
		moves = ?, last_activation = ?, departed = ? WHERE license = ?`, m.Used, m.Period, m.UsedBeforePeriod, encodeSparse(m.ClosedPeriods), m.Machines, m.Places, m.WindowFrom, m.WindowCount, m.MovesFrom, m.Moves,
		m.LastActivation, encodeSparse(m.VacatedBy), id)
	return err
}

// Advance implements licensing.Chains.
func (s *Store) Advance(ctx context.Context, a licensing.Advance) (lease.Document, error) {
	var document lease.Document
	err := s.write(ctx, func(t *tx) (err error) {
		document, err = advance(t, &a)
		return err
	})
	return document, err
}

func advance(t *tx, a *licensing.Advance) (lease.Document, error) {
	of, err := t.meter(a.Key.License)
	if err != nil {
		return nil, err
	}
	if of.org != a.Org {
		return nil, licensing.ErrNotFound
	}
	was, err := t.activation(a.Key)
	known := err == nil
	if err == licensing.ErrNotFound {
		was = &cachedActivation{hasNoSeats: true}
	} else if err != nil {
		return nil, err
	}
	switch {
	case known && was.Head == a.To && was.Request == a.Request:
		return was.Lease, nil
	case of.revision != a.Revision || was.Head != a.From || (was.Closed != 0 || !known) != (a.NewActivation != nil):
		return nil, licensing.ErrStale
	case a.Reactivation != nil && was.Reactivations.Revision != a.Reactivation.History.Revision-1:
		return nil, licensing.ErrStale
	}
	now, held := of.Meter, was.Activation
	if a.NewActivation != nil {
		if err := now.Join(a.NewActivation, a.Now, a.Key.Activation); err != nil {
			return nil, err
		}
		held.Created, held.Closed = a.Now, 0
	}
	if a.Reactivation != nil {
		if err := reactivate(&held, a); err != nil {
			return nil, err
		}
	}
	account := now.Charge(a.UsageCharge, held.Counted, held.Charged)
	held.Counted, held.Charged = account.Counted, account.Charged
	out := account.Outcome()
	if err := updateSeats(t, a, was.hasNoSeats, &out); err != nil {
		return nil, err
	}
	if a.Goodbye {
		held.Closed = a.Now
		now.Leave(a.Key.Activation)
	}
	held.ActivationKey, held.Organisation, held.Device = a.Key, a.Org, a.Device
	held.Head, held.Request, held.LastSync, held.LastReport = a.To, a.Request, a.Now, a.LastReport
	if held.Lease, err = a.Compose(out); err != nil {
		return nil, err
	}
	if err := saveActivation(t, known, held); err != nil {
		return nil, err
	}
	t.cacheAdvance(&cachedActivation{held, len(out.Reservations) == 0}, of, now)
	return held.Lease, nil
}

// reactivate charges the activation's own budget and gives it its new past.
func reactivate(held *licensing.Activation, a *licensing.Advance) error {
	end := held.ReactivationWindowStart + lease.Time(a.Reactivation.Window)
	if a.Now >= end || held.ReactivationCount == 0 {
		held.ReactivationWindowStart, held.ReactivationCount = a.Now, 0
		end = a.Now + lease.Time(a.Reactivation.Window)
	}
	if held.ReactivationCount >= a.Reactivation.Budget {
		return limitError(license.CodeRestoredTooOften, int64(end), "%d re-activations in %d ms", held.ReactivationCount, a.Reactivation.Window)
	}
	held.ReactivationCount++
	held.Reactivations = a.Reactivation.History
	return nil
}

// updateSeats drops, renews and grants, and tells what is held after that.
func updateSeats(t *tx, a *licensing.Advance, bare bool, out *licensing.Outcome) error {
	var held []licensing.Reservation
	if !bare {
		var err error
		if held, err = seatsOf(t, a.Key); err != nil {
			return err
		}
	}
	kept := held[:0]
	renew := false
	for _, r := range held {
		if a.Goodbye || r.Until <= a.Now || slices.Contains(a.Release, r.Entitlement) {
			if err := releaseSeat(t, r.ActivationKey, r.Entitlement); err != nil {
				return err
			}
			continue
		}
		renew = renew || r.Until < a.Until
		kept = append(kept, r)
	}
	if renew {
		if _, err := t.exec(`UPDATE reservations SET until = max(until, ?) WHERE license = ? AND activation = ?`, a.Until, a.Key.License, a.Key.Activation); err != nil {
			return err
		}
	}
	for _, r := range kept {
		out.Reservations = append(out.Reservations, lease.Reservation{Slot: lease.Slot{Entitlement: r.Entitlement, Context: r.Context}, Until: max(r.Until, a.Until)})
	}
	for _, want := range a.Reserve {
		if at := slices.IndexFunc(out.Reservations, func(r lease.Reservation) bool { return r.Entitlement == want.Entitlement }); at >= 0 {
			if err := extendSeat(t, a.Key, &out.Reservations[at], want.Until); err != nil {
				return err
			}
			continue
		}
		granted := false
		if !a.Goodbye {
			var err error
			if granted, err = grantSeat(t, a, want); err != nil {
				return err
			}
		}
		if granted {
			out.Reservations = append(out.Reservations, lease.Reservation{Slot: want.Slot, Until: want.Until})
		} else {
			out.Denied = append(out.Denied, lease.Denial{Slot: want.Slot, Code: license.CodeNoSlots})
		}
	}
	return nil
}
