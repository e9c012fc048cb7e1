package licensing

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// telling is a store that tells of what the vendor changes. It stands here, and not in each place that changes something, so that no place
// is forgotten. What programs change is told of by Sync.
type telling struct {
	Store
	notices Notices
	now     func() lease.Time
}

func (t telling) CreateLicense(ctx context.Context, l License) error {
	if err := schedule(ctx, t.Store, l, t.now()); err != nil {
		return err
	}
	if err := t.Store.CreateLicense(ctx, l); err != nil {
		return err
	}
	return t.notices.Tell(ctx, LicenseCreated.of(&l, string(l.ID), t.now()))
}

func (t telling) UpdateLicense(ctx context.Context, l License) (License, error) {
	old, err := t.Store.License(ctx, l.Organisation, l.ID)
	if err != nil {
		return License{}, err
	}
	if l.Expires != old.Expires {
		if err := schedule(ctx, t.Store, l, t.now()); err != nil {
			return License{}, err
		}
	}
	if l, err = t.Store.UpdateLicense(ctx, l); err != nil {
		return l, err
	}
	kind := LicenseChanged
	if l.Status != old.Status {
		kind = map[Status]NoticeType{Active: LicenseReinstated, Suspended: LicenseSuspended, Revoked: LicenseRevoked}[l.Status]
	}
	n := kind.of(&l, fmt.Sprintf("%s:%d", l.ID, l.Revision), t.now())
	n.Details = map[string]any{"revision": l.Revision}
	return l, t.notices.Tell(ctx, n)
}

func (t telling) DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error {
	l, err := t.Store.License(ctx, org, id)
	if err != nil {
		return err
	}
	if err := t.Store.DeleteLicense(ctx, org, id, revision); err != nil {
		return err
	}
	return t.notices.Tell(ctx, LicenseDeleted.of(&l, string(id), t.now()))
}

func (t telling) Deactivate(ctx context.Context, org license.ID, key ActivationKey, now lease.Time) error {
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
	n := ActivationClosed.of(&l, fmt.Sprintf("%s:%s:%d", key.License, key.Activation, held.Head.Generation), now)
	n.Activation, n.Details = key.Activation, map[string]any{"by": "vendor"}
	return t.notices.Tell(ctx, n)
}

func (t telling) UpdateProduct(ctx context.Context, p Product) (Product, error) {
	old, err := t.Store.Product(ctx, p.Organisation, p.ID)
	if err != nil {
		return Product{}, err
	}
	if p, err = t.Store.UpdateProduct(ctx, p); err != nil {
		return p, err
	}
	n := Notice{Type: KeysChanged, Key: string(p.ID) + ":" + strconv.FormatInt(p.Revision, 10), Org: p.Organisation, Time: t.now(), Product: p.ID}
	changed, compromised := news(old.List, p.List)
	if changed || !bytes.Equal(p.Keyring, old.Keyring) {
		if err := t.notices.Tell(ctx, n); err != nil {
			return p, err
		}
	}
	for _, key := range compromised {
		n.Type, n.Key, n.Details = KeysCompromised, string(p.ID)+":"+key, map[string]any{"key": key}
		if err := t.notices.Tell(ctx, n); err != nil {
			return p, err
		}
	}
	return p, nil
}

// news is what the second statement says of keys and the first does not: anything, and which are compromised.
func news(before, after []byte) (changed bool, compromised []string) {
	if bytes.Equal(before, after) {
		return false, nil
	}
	said := map[string]lease.KeyStatus{}
	if s, err := lease.ReadStatement(before); err == nil {
		for _, k := range s.Keys {
			said[k.Key] = k.Status
		}
	}
	s, err := lease.ReadStatement(after)
	if err != nil {
		return false, nil // nothing but the domain writes it
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
