package sqlite

import (
	"context"
	"errors"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

const meterColumns = `m.used, m.period, m.before, m.closed, m.machines, m.places, m.window_from, m.window_count, m.moves_from, m.moves,
	m.last_activation,
	m.departed`

// readMeter reads the row of a license's counters, after the columns that are scanned into first.
func readMeter(row scanner, first ...any) (m licensing.Meter, err error) {
	var closed, left string
	err = row.Scan(append(first, &m.Used, &m.Period, &m.UsedBeforePeriod, &closed, &m.Machines, &m.Places, &m.WindowFrom, &m.WindowCount,
		&m.MovesFrom, &m.Moves,
		&m.LastActivation, &left)...)
	if err != nil {
		return m, mapNotFound(err)
	}
	return m, errors.Join(decodeSparse(closed, &m.ClosedPeriods), decodeSparse(left, &m.VacatedBy))
}

func saveMeter(t *tx, id license.ID, m licensing.Meter) error {
	_, err := t.exec(`UPDATE meters SET used = ?, period = ?, before = ?, closed = ?, machines = ?, places = ?, window_from = ?, window_count =
		?, moves_from = ?,
		moves = ?, last_activation = ?, departed = ? WHERE license =
			?`, m.Used, m.Period, m.UsedBeforePeriod, encodeSparse(m.ClosedPeriods), m.Machines, m.Places, m.WindowFrom, m.WindowCount, m.MovesFrom,
		m.Moves,
		m.LastActivation, encodeSparse(m.VacatedBy), id)
	return err
}

// Advance implements licensing.SyncStore.
func (s *Store) Advance(ctx context.Context, a licensing.Advance) (licensing.AdvanceResult, error) {
	var result licensing.AdvanceResult
	err := s.write(ctx, func(t *tx) (err error) {
		result, err = advance(t, &a)
		return err
	})
	return result, err
}

// advance makes an advance within a transaction, or changes nothing and returns an error.
func advance(t *tx, a *licensing.Advance) (licensing.AdvanceResult, error) {
	of, err := t.meter(a.Key.License)
	if err != nil {
		return licensing.AdvanceResult{}, err
	}
	if of.org != a.Org {
		return licensing.AdvanceResult{}, licensing.ErrNotFound
	}
	stored, err := t.activation(a.Key)
	exists := err == nil
	if err == licensing.ErrNotFound {
		stored = &cachedActivation{hasNoSeats: true}
	} else if err != nil {
		return licensing.AdvanceResult{}, err
	}
	if a.IsAnsweredBy(&stored.Activation) {
		return licensing.AdvanceResult{Document: stored.Lease, Replayed: true}, nil
	}
	if err := a.CheckPreconditions(of.revision, &stored.Activation); err != nil {
		return licensing.AdvanceResult{}, err
	}
	meter := of.Meter
	next, totals, err := a.Apply(stored.Activation, &meter)
	if err != nil {
		return licensing.AdvanceResult{}, err
	}
	seats, err := updateSeats(t, a, stored.hasNoSeats)
	if err != nil {
		return licensing.AdvanceResult{}, err
	}
	out := totals.Outcome()
	out.SetSeats(a, seats)
	if next.Lease, err = a.Lease(out); err != nil {
		return licensing.AdvanceResult{}, err
	}
	if err := saveActivation(t, exists, next); err != nil {
		return licensing.AdvanceResult{}, err
	}
	t.cacheAdvance(&cachedActivation{next, len(seats) == 0}, of, meter)
	return licensing.AdvanceResult{Document: next.Lease, Outcome: out}, nil
}

// updateSeats releases, renews and grants seats. It returns the seats that the activation holds after that: first those that it keeps, then
// those that it is granted.
func updateSeats(t *tx, a *licensing.Advance, hasNoSeats bool) ([]licensing.Reservation, error) {
	var held []licensing.Reservation
	if !hasNoSeats {
		var err error
		if held, err = seatsOf(t, a.Key); err != nil {
			return nil, err
		}
	}
	seats := held[:0]
	renew := false
	for _, r := range held {
		if !a.KeepsSeat(r) {
			if err := releaseSeat(t, r.ActivationKey, r.Entitlement); err != nil {
				return nil, err
			}
			continue
		}
		renew = renew || r.Until < a.Until
		seats = append(seats, r)
	}
	if renew { // one statement for all seats
		if _, err := t.exec(`UPDATE reservations SET until = max(until, ?) WHERE license = ? AND activation = ?`,
			a.Until, a.Key.License, a.Key.Activation); err != nil {
			return nil, err
		}
	}
	for n := range seats {
		r := &seats[n]
		renewed := max(r.Until, a.Until)
		if r.Until = a.SeatDeadline(*r); r.Until == renewed {
			continue
		}
		if err := extendSeat(t, a.Key, r.Entitlement, r.Until); err != nil {
			return nil, err
		}
	}
	for _, want := range a.SeatRequests() {
		if slices.ContainsFunc(seats, func(r licensing.Reservation) bool { return r.Entitlement == want.Entitlement }) {
			continue
		}
		granted, err := grantSeat(t, a, want)
		if err != nil {
			return nil, err
		}
		if granted {
			seats = append(seats, licensing.Reservation{ActivationKey: a.Key, Entitlement: want.Entitlement, Context: want.Context,
				Since: a.Now, Until: want.Until})
		}
	}
	return seats, nil
}
