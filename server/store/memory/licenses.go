package memory

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// CreateLicense implements licensing.CatalogStore, as do the exported methods below up to DeleteLicense.
func (s *Store) CreateLicense(_ context.Context, l licensing.License) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.version(l.Organisation, l.Version); v == nil || v.record.Product != l.Product {
		return licensing.ErrNotFound
	}
	if s.licenses[l.ID] != nil {
		return licensing.ErrExists
	}
	s.licenses[l.ID] = &licenseState{numbered: numbered[licensing.License]{s.nextSeq(), l}, activations: map[lease.Hash]*activation{}}
	return nil
}

// license returns the state of a license of the organisation, or nil.
func (s *Store) license(org, id license.ID) *licenseState {
	if b := s.licenses[id]; b != nil && b.record.Organisation == org {
		return b
	}
	return nil
}

// License implements licensing.CatalogStore.
func (s *Store) License(_ context.Context, org, id license.ID) (licensing.License, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.license(org, id)
	if b == nil {
		return licensing.License{}, licensing.ErrNotFound
	}
	return b.record, nil
}

// Licenses implements licensing.CatalogStore.
func (s *Store) Licenses(_ context.Context, org license.ID, f licensing.LicenseFilter,
	page licensing.Page) (licensing.Listing[licensing.License], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []numbered[licensing.License]
	for _, b := range s.licenses {
		l := &b.record
		if l.Organisation == org &&
			(f.Product == "" || f.Product == l.Product) &&
			(f.Version == "" || f.Version == l.Version) &&
			(page.Archived == nil || *page.Archived == l.Archived) &&
			(f.Status == "" || f.Status == l.Status) &&
			(f.Customer == "" || f.Customer == l.Customer) &&
			(f.CustomerID == "" || f.CustomerID == l.CustomerID) &&
			(f.Type == "" || f.Type == s.versions[l.Version].record.Policy.Type) &&
			(f.ExpiresFrom == 0 || l.Expires >= f.ExpiresFrom) &&
			(f.ExpiresUntil == 0 || l.Expires != 0 && l.Expires < f.ExpiresUntil) &&
			(!f.NeverActivated || len(b.activations) == 0) {
			all = append(all, b.numbered)
		}
	}
	return listSorted(page, all, func(l *licensing.License) string { return l.Name + "\n" + l.Customer },
		func(l *licensing.License) lease.Time { return l.Updated })
}

// UpdateLicense implements licensing.CatalogStore.
func (s *Store) UpdateLicense(_ context.Context, l licensing.License) (licensing.License, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.license(l.Organisation, l.ID)
	switch {
	case b == nil:
		return l, licensing.ErrNotFound
	case b.record.Revision != l.Revision:
		return l, licensing.ErrStale
	}
	l.Revision++
	l.Created, l.Product, l.Version = b.record.Created, b.record.Product, b.record.Version
	b.record = l
	return l, nil
}

// DeleteLicense implements licensing.CatalogStore.
func (s *Store) DeleteLicense(_ context.Context, org, id license.ID, revision int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.license(org, id)
	switch {
	case held == nil:
		return licensing.ErrNotFound
	case revision != 0 && held.record.Revision != revision:
		return licensing.ErrStale
	}
	delete(s.licenses, id)
	return nil
}

// ProductWithKeys implements licensing.SyncStore, as do the methods below.
func (s *Store) ProductWithKeys(_ context.Context, id license.ID) (licensing.Product, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return licensing.Product{}, licensing.ErrNotFound
	}
	return p.record, nil
}

// LicenseContext implements licensing.SyncStore.
func (s *Store) LicenseContext(_ context.Context, id license.ID) (licensing.LicenseContext, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.licenses[id]
	if b == nil {
		return licensing.LicenseContext{}, licensing.ErrNotFound
	}
	return licensing.LicenseContext{License: b.record, Version: s.versions[b.record.Version].record,
		Product: s.products[b.record.Product].record}, nil
}

// Meter implements licensing.SyncStore.
func (s *Store) Meter(_ context.Context, id license.ID) (licensing.Meter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.licenses[id]
	if b == nil {
		return licensing.Meter{}, licensing.ErrNotFound
	}
	return b.meter, nil
}

// LastSync implements licensing.SyncStore.
func (s *Store) LastSync(_ context.Context, id license.ID) (last lease.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.licenses[id]
	if b == nil {
		return 0, licensing.ErrNotFound
	}
	for _, a := range b.activations {
		last = max(last, a.record.LastSync)
	}
	return last, nil
}
