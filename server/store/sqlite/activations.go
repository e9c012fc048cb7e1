package sqlite

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

const (
	activationColumns = `seq, license, activation, org, device, generation, number, link, request, lease, counted, created, last_sync, closed,
		restores, restores_from,
		granted, past, seen, name`
	activationByKey = `SELECT ` + activationColumns + ` FROM activations WHERE license = ? AND activation = ?`
)

func readActivation(seq *int64, row scanner) (a licensing.Activation, err error) {
	var past, seen string
	if err := row.Scan(seq, &a.License, &a.Activation, &a.Organisation, &a.Device, &a.Head.Generation, &a.Head.Number, &a.Head.Link,
		&a.Request, &a.Lease,
		&a.Counted, &a.Created, &a.LastSync, &a.Closed, &a.ReactivationCount, &a.ReactivationWindowStart, &a.Charged, &past, &seen,
		&a.Name); err != nil {
		return a, mapNotFound(err)
	}
	return a, errors.Join(decodeSparse(past, &a.Reactivations), decodeSparse(seen, &a.LastReport))
}

// saveActivation writes the activation: an update if exists is set, else an insert.
func saveActivation(t *tx, known bool, a licensing.Activation) (err error) {
	if known {
		_, err = t.exec(`UPDATE activations SET generation = ?, number = ?, link = ?, request = ?, lease = ?, counted = ?, created = ?, last_sync
			= ?, closed = ?,
			restores = ?, restores_from = ?, granted = ?, past = ?, seen = ? WHERE license = ? AND activation =
				?`, a.Head.Generation, a.Head.Number, a.Head.Link, a.Request, []byte(a.Lease),
			a.Counted, a.Created, a.LastSync, a.Closed, a.ReactivationCount, a.ReactivationWindowStart, a.Charged, encodeSparse(a.Reactivations),
			encodeSparse(a.LastReport), a.License, a.Activation)
		return err
	}
	_, err = t.exec(`INSERT INTO activations (`+activationColumns+`) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')`,
		a.License, a.Activation, a.Organisation, a.Device,
		a.Head.Generation, a.Head.Number, a.Head.Link, a.Request, []byte(a.Lease), a.Counted, a.Created, a.LastSync, a.Closed,
		a.ReactivationCount, a.ReactivationWindowStart,
		a.Charged, encodeSparse(a.Reactivations), encodeSparse(a.LastReport))
	return err
}

// Activation implements licensing.SyncStore.
func (s *Store) Activation(_ context.Context, key licensing.ActivationKey) (licensing.Activation, error) {
	if known, ok := s.writer.cache.lookup(key); ok {
		return known.Activation, nil
	}
	return readActivation(new(int64), s.row(activationByKey, key.License, key.Activation))
}

// Activations implements licensing.SyncStore.
func (s *Store) Activations(_ context.Context, org, id license.ID, page licensing.Page) (licensing.Listing[licensing.Activation], error) {
	if err := s.requireLicense(org, id); err != nil {
		return licensing.Listing[licensing.Activation]{}, err
	}
	return listNewest(s, page, readActivation, `SELECT `+activationColumns+` FROM activations
		WHERE license = ? AND seq < ? AND instr(activation || char(10) || folded, ?) ORDER BY seq DESC LIMIT ?`, id)
}

// SaveReactivationHistory implements licensing.SyncStore.
func (s *Store) SaveReactivationHistory(ctx context.Context, key licensing.ActivationKey, head lease.Position,
	history licensing.ReactivationHistory, resetBudget bool) error {
	return s.writeAndInvalidate(ctx, func(t *tx) error {
		held, err := readActivation(new(int64), t.row(activationByKey, key.License, key.Activation))
		if err != nil {
			return err
		}
		if err := held.ReplaceHistory(head, history, resetBudget); err != nil {
			return err
		}
		return saveActivation(t, true, held)
	})
}

// requireLicense returns ErrNotFound unless the license belongs to the organisation.
func (s *Store) requireLicense(org, id license.ID) error {
	return mapNotFound(s.row(`SELECT 1 FROM licenses WHERE id = ? AND org = ?`, id, org).Scan(new(int)))
}

// Deactivate implements licensing.SyncStore.
func (s *Store) Deactivate(ctx context.Context, org license.ID, key licensing.ActivationKey, now lease.Time) error {
	return s.writeAndInvalidate(ctx, func(t *tx) error {
		var closed lease.Time
		if err := t.row(`SELECT closed FROM activations WHERE license = ? AND activation = ? AND org = ?`, key.License, key.Activation,
			org).Scan(&closed); err != nil {
			return mapNotFound(err)
		}
		m, err := readMeter(t.row(`SELECT `+meterColumns+` FROM meters m WHERE m.license = ?`, key.License))
		if err != nil {
			return err
		}
		m.Release(key.Activation, closed == 0)
		if closed != 0 {
			return saveMeter(t, key.License, m)
		}
		held, err := seatsOf(t, key)
		if err != nil {
			return err
		}
		for _, r := range held {
			if err := releaseSeat(t, key, r.Entitlement); err != nil {
				return err
			}
		}
		if _, err := t.exec(`UPDATE activations SET closed = ? WHERE license = ? AND activation = ?`, now, key.License,
			key.Activation); err != nil {
			return err
		}
		return saveMeter(t, key.License, m)
	})
}

// NameActivation implements licensing.SyncStore.
func (s *Store) NameActivation(ctx context.Context, org license.ID, key licensing.ActivationKey, name string) error {
	return s.writeAndInvalidate(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE activations SET name = ?, folded = ? WHERE license = ? AND activation = ? AND org = ?`, name, foldCase(name),
			key.License, key.Activation, org)
		if err == nil && n == 0 {
			err = licensing.ErrNotFound
		}
		return err
	})
}
