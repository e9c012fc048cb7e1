package sqlite

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// checkCacheMatchesDatabase fails the test unless everything in the cache equals what is stored. The contract's tests call it at their end,
// when the cache holds records of what they have done.
func checkCacheMatchesDatabase(t *testing.T, s *Store) {
	t.Helper()
	at := s.writer.cache
	if len(at.pending)+len(at.unsavedMeters) != 0 {
		t.Errorf("%d activations and %d counters are left of a transaction", len(at.pending), len(at.unsavedMeters))
	}
	for key, one := range at.known {
		stored, err := readActivation(new(int64), s.row(activationByKey, key.License, key.Activation))
		if err != nil || !reflect.DeepEqual(stored, one.Activation) {
			t.Errorf("%v\ncached %+v\nstored %+v", err, one.Activation, stored)
		}
		var held int
		if err := s.row(`SELECT count(*) FROM reservations WHERE license = ? AND activation = ?`, key.License,
			key.Activation).Scan(&held); err != nil || one.hasNoSeats && held > 0 {
			t.Errorf("%v: it holds %d seats, cached as having none", err, held)
		}
	}
	for id, one := range at.meters {
		var stored cachedMeter
		m, err := readMeter(s.row(`SELECT l.org, l.revision, `+meterColumns+` FROM licenses l JOIN meters m ON m.license = l.id WHERE l.id = ?`,
			id), &stored.org, &stored.revision)
		if stored.Meter = m; err != nil || !reflect.DeepEqual(&stored, one) {
			t.Errorf("%v\ncached %+v\nstored %+v", err, one, stored)
		}
	}
}

// countingInstallation is an installation that reports one more call with each advance.
type countingInstallation struct {
	key  licensing.ActivationKey
	head lease.Position
}

func (c *countingInstallation) advance(t *tx) error {
	number := c.head.Number + 1
	a := licensing.Advance{
		Key: c.key, Org: crashOrg, From: c.head, To: lease.Position{Generation: 1, Number: number,
			Link: lease.HashOf([]byte{byte(number)})}, Revision: 1,
		UsageCharge: licensing.UsageCharge{Counted: number, Allowance: licensing.Unlimited},
		Lease:       func(licensing.Outcome) (lease.Document, error) { return lease.Document("a lease"), nil },
	}
	if number == 1 {
		a.NewActivation = &licensing.ActivationLimits{Limit: 1 << 40, Window: 1000, MaxMachines: licensing.Unlimited,
			TransferLimit: licensing.Unlimited}
	}
	_, err := advance(t, &a)
	return err
}

func (c *countingInstallation) moveHead(number int64) {
	c.head = lease.Position{Generation: 1, Number: number, Link: lease.HashOf([]byte{byte(number)})}
}

// checkStored checks the installation's lease number as readers see it, and the license's counter.
func (c *countingInstallation) checkStored(t *testing.T, s *Store, number int64) {
	t.Helper()
	a, err := s.Activation(t.Context(), c.key)
	if number == 0 && errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	if err != nil || a.Head.Number != number || a.Counted != number {
		t.Errorf("the installation is at lease %d with %d calls, want %d: %v", a.Head.Number, a.Counted, number, err)
	}
	m, err := s.Meter(t.Context(), c.key.License)
	if err != nil || m.Used != number {
		t.Errorf("the license has %d calls, want %d: %v", m.Used, number, err)
	}
	checkCacheMatchesDatabase(t, s)
}

func newCountingInstallation(t *testing.T) (*Store, *countingInstallation) {
	t.Helper()
	directory := t.TempDir()
	if err := crashRecords(directory); err != nil {
		t.Fatal(err)
	}
	return openStore(t, directory), &countingInstallation{key: licensing.ActivationKey{License: crashLicense,
		Activation: lease.HashOf([]byte("one"))}}
}

// The changes of one transaction to one license and one installation add up, and no reader sees them before they are stored.
func TestCacheWithinOneTransaction(t *testing.T) {
	t.Parallel()
	s, c := newCountingInstallation(t)
	step := func(number int64) func(*tx) error {
		return func(tx *tx) error {
			if a, err := s.Activation(context.Background(), c.key); !errors.Is(err, licensing.ErrNotFound) {
				t.Errorf("a reader sees what is not stored: %+v, %v", a, err)
			}
			err := c.advance(tx)
			c.moveHead(number)
			return err
		}
	}
	if err := errors.Join(commitTogether(t, s, step(1), step(2), step(3))...); err != nil {
		t.Fatal(err)
	}
	c.checkStored(t, s, 3)
}

// An advance whose COMMIT failed has no effect, although it was cached during the transaction.
func TestCacheAfterFailedCommit(t *testing.T) {
	t.Parallel()
	s, c := newCountingInstallation(t)
	if err := s.write(t.Context(), c.advance); err != nil {
		t.Fatal(err)
	}
	c.moveHead(1)
	orphan := func(t *tx) error { // SQLite checks this constraint only at the COMMIT
		if err := t.w.do(`PRAGMA defer_foreign_keys = 1`); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO pools VALUES ('nobody', 'modeling', 0)`)
		return err
	}
	for n, err := range commitTogether(t, s, c.advance, orphan) {
		if err == nil {
			t.Errorf("change %d returned no error", n)
		}
	}
	c.checkStored(t, s, 1)
	if err := s.write(t.Context(), c.advance); err != nil {
		t.Fatal(err)
	}
	c.checkStored(t, s, 2)
}

// SQLite rolls the whole transaction back when the disk is full. Then none of its changes was made, and no later change of the same
// transaction may be made outside of it.
func TestCacheAfterRollback(t *testing.T) {
	t.Parallel()
	s, c := newCountingInstallation(t)
	if err := s.write(t.Context(), c.advance); err != nil {
		t.Fatal(err)
	}
	c.moveHead(1)
	fill := func(tx *tx) error {
		var pages int
		if err := tx.row(`PRAGMA page_count`).Scan(&pages); err != nil {
			t.Error(err)
		}
		if err := tx.row(`PRAGMA max_page_count = 1`).Scan(&pages); err != nil { // not more than the file has
			t.Error(err)
		}
		_, err := tx.exec(`INSERT INTO organisations SELECT hex(randomblob(1000000)), '', 0`)
		return err
	}
	later := func(tx *tx) error {
		_, err := tx.exec(`INSERT INTO organisations VALUES ('later', '', 0)`)
		return err
	}
	for n, err := range commitTogether(t, s, c.advance, fill, later) {
		if !errors.Is(err, licensing.ErrUnavailable) {
			t.Errorf("change %d: %v", n, err)
		}
	}
	if _, err := s.Organisation(t.Context(), "later"); !errors.Is(err, licensing.ErrNotFound) {
		t.Errorf("a change was made outside of the transaction: %v", err)
	}
	c.checkStored(t, s, 1)
	if err := s.write(t.Context(), func(tx *tx) error { return tx.row(`PRAGMA max_page_count = 1000000`).Scan(new(int)) }); err != nil {
		t.Fatal(err)
	}
	if err := s.write(t.Context(), c.advance); err != nil {
		t.Fatal(err)
	}
	c.checkStored(t, s, 2)
}

// More installations than fit into the cache are served all the same.
func TestCacheSizeIsBounded(t *testing.T) {
	t.Parallel()
	s := newActivationCache()
	for n := range 3 * maxCachedActivations {
		one := &cachedActivation{Activation: licensing.Activation{ActivationKey: licensing.ActivationKey{Activation: lease.HashOf([]byte{byte(n),
			byte(n >> 8)})}}}
		s.pending[one.ActivationKey] = one
		s.publish()
		if got, ok := s.lookup(one.ActivationKey); !ok || got != one || len(s.known) > maxCachedActivations {
			t.Fatalf("after %d: %t, %d are cached", n, ok, len(s.known))
		}
	}
}
