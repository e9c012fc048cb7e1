package events

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// eventingStore wraps a store and records an event for each change that a vendor makes. It is one wrapper, so that no caller can forget to
// record. The events of programs are recorded by leasing.
type eventingStore struct {
	licensing.Store
	events Sink
	now    func() lease.Time
}

func (t eventingStore) CreateLicense(ctx context.Context, l licensing.License) error {
	if err := scheduleReminder(ctx, t.Store, l, t.now()); err != nil {
		return err
	}
	if err := t.Store.CreateLicense(ctx, l); err != nil {
		return err
	}
	return t.events.Record(ctx, LicenseCreated.NewLicenseEvent(&l, string(l.ID), t.now()))
}

func (t eventingStore) UpdateLicense(ctx context.Context, l licensing.License) (licensing.License, error) {
	old, err := t.Store.License(ctx, l.Organisation, l.ID)
	if err != nil {
		return licensing.License{}, err
	}
	if l.Expires != old.Expires {
		if err := scheduleReminder(ctx, t.Store, l, t.now()); err != nil {
			return licensing.License{}, err
		}
	}
	if l, err = t.Store.UpdateLicense(ctx, l); err != nil {
		return l, err
	}
	kind := LicenseChanged
	if l.Status != old.Status {
		kind = map[licensing.Status]Type{licensing.Active: LicenseReinstated, licensing.Suspended: LicenseSuspended,
			licensing.Revoked: LicenseRevoked}[l.Status]
	}
	n := kind.NewLicenseEvent(&l, fmt.Sprintf("%s:%d", l.ID, l.Revision), t.now())
	n.Details = map[string]any{"revision": l.Revision}
	return l, t.events.Record(ctx, n)
}

func (t eventingStore) DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error {
	l, err := t.Store.License(ctx, org, id)
	if err != nil {
		return err
	}
	if err := t.Store.DeleteLicense(ctx, org, id, revision); err != nil {
		return err
	}
	return t.events.Record(ctx, LicenseDeleted.NewLicenseEvent(&l, string(id), t.now()))
}

func (t eventingStore) Deactivate(ctx context.Context, org license.ID, key licensing.ActivationKey, now lease.Time) error {
	l, err := t.Store.License(ctx, org, key.License)
	if err != nil {
		return err
	}
	held, err := t.Store.Activation(ctx, key)
	if err != nil {
		return err
	}
	if err := t.Store.Deactivate(ctx, org, key, now); err != nil || held.Closed != 0 {
		return err
	}
	n := ActivationClosed.NewLicenseEvent(&l, fmt.Sprintf("%s:%s:%d", key.License, key.Activation, held.Head.Generation), now)
	n.Activation, n.Details = key.Activation, map[string]any{"by": "vendor"}
	return t.events.Record(ctx, n)
}

func (t eventingStore) UpdateProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	old, err := t.Store.Product(ctx, p.Organisation, p.ID)
	if err != nil {
		return licensing.Product{}, err
	}
	if p, err = t.Store.UpdateProduct(ctx, p); err != nil {
		return p, err
	}
	n := Event{Type: KeysChanged, Key: string(p.ID) + ":" + strconv.FormatInt(p.Revision, 10), Org: p.Organisation, Time: t.now(),
		Product: p.ID}
	changed, compromised := keyStatusChanges(old.Statement, p.Statement)
	if changed || !bytes.Equal(p.Keyring, old.Keyring) {
		if err := t.events.Record(ctx, n); err != nil {
			return p, err
		}
	}
	for _, key := range compromised {
		n.Type, n.Key, n.Details = KeysCompromised, string(p.ID)+":"+key, map[string]any{"key": key}
		if err := t.events.Record(ctx, n); err != nil {
			return p, err
		}
	}
	return p, nil
}

// keyStatusChanges reports whether the second statement changes the state of a key, and returns the keys that are newly compromised.
func keyStatusChanges(before, after []byte) (changed bool, compromised []string) {
	if bytes.Equal(before, after) {
		return false, nil
	}
	said := map[string]lease.KeyStatus{}
	if s, err := lease.ParseTrustedStatement(before); err == nil {
		for _, k := range s.Keys {
			said[k.Key] = k.Status
		}
	}
	s, err := lease.ParseTrustedStatement(after)
	if err != nil {
		return false, nil // only the domain writes it
	}
	for _, k := range s.Keys {
		if k.Status == said[k.Key] {
			continue
		}
		changed = true
		if k.Status == lease.Compromised {
			compromised = append(compromised, k.Key)
		}
	}
	return changed, compromised
}
