package sqlite

import (
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// seatsOf returns the seats of an activation, lapsed ones included, ordered by entitlement.
func seatsOf(t *tx, key licensing.ActivationKey) (held []licensing.Reservation, err error) {
	err = t.rows(func(row scanner) error {
		r := licensing.Reservation{ActivationKey: key}
		held = append(held, r)
		last := &held[len(held)-1]
		return row.Scan(&last.Entitlement, &last.Context, &last.Since, &last.Until)
	}, `SELECT entitlement, context, since, until FROM reservations WHERE license = ? AND activation = ? ORDER BY
		entitlement`, key.License, key.Activation)
	return held, err
}

// extendSeat sets the deadline of a seat.
func extendSeat(t *tx, key licensing.ActivationKey, entitlement string, until lease.Time) error {
	_, err := t.exec(`UPDATE reservations SET until = ? WHERE license = ? AND activation = ? AND entitlement = ?`,
		until, key.License, key.Activation, entitlement)
	return err
}

// grantSeat takes a slot if one is free, with one conditional update of the pool, whatever its size. Only a full pool is searched for
// lapsed slots, repeatedly as long as there are any: more slots can be taken than the pool has, by activations that were granted theirs
// without a free one.
func grantSeat(t *tx, a *licensing.Advance, want licensing.ReservationRequest) (bool, error) {
	if !want.HasFreeSlot(0) {
		return false, nil
	}
	taken, err := takeSlot(t, a.Key.License, want)
	if err != nil {
		return false, err
	}
	for !taken {
		freed, err := releaseLapsed(t, a.Key.License, want.Entitlement, a.Now)
		if err != nil || freed == 0 {
			return false, err
		}
		if taken, err = takeSlot(t, a.Key.License, want); err != nil {
			return false, err
		}
	}
	_, err = t.exec(`INSERT INTO reservations VALUES (?, ?, ?, ?, ?, ?)`, a.Key.License, a.Key.Activation, want.Entitlement, want.Context,
		a.Now, want.Until)
	return true, err
}

// takeSlot counts one more slot of the pool as taken, if one is free. The condition is that of ReservationRequest.HasFreeSlot as a query,
// so that the count need not be read.
func takeSlot(t *tx, id license.ID, want licensing.ReservationRequest) (bool, error) {
	n, err := t.exec(`INSERT INTO pools VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET used = used + 1 WHERE used < ?3 OR ?3 < 0`,
		id, want.Entitlement, want.Slots)
	return n == 1, err
}

// maxLapsedPerRequest is the number of lapsed slots that one request frees at a time: enough for itself and some that follow.
const maxLapsedPerRequest = 64

// releaseLapsed frees slots whose deadline has passed and returns their number.
func releaseLapsed(t *tx, id license.ID, entitlement string, now lease.Time) (int64, error) {
	n, err := t.exec(`DELETE FROM reservations WHERE (license, activation, entitlement) IN
		(SELECT license, activation, entitlement FROM reservations WHERE license = ? AND entitlement = ? AND until <= ? ORDER BY until LIMIT ?)`,
		id, entitlement, now, maxLapsedPerRequest)
	if err != nil || n == 0 {
		return 0, err
	}
	_, err = t.exec(`UPDATE pools SET used = used - ? WHERE license = ? AND entitlement = ?`, n, id, entitlement)
	return n, err
}

// releaseSeat frees the seat of an activation. It has no effect if there is none.
func releaseSeat(t *tx, key licensing.ActivationKey, entitlement string) error {
	n, err := t.exec(`DELETE FROM reservations WHERE license = ? AND activation = ? AND entitlement = ?`, key.License, key.Activation,
		entitlement)
	if err != nil || n == 0 {
		return err
	}
	_, err = t.exec(`UPDATE pools SET used = used - 1 WHERE license = ? AND entitlement = ?`, key.License, entitlement)
	return err
}
