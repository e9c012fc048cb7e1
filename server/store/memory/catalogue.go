package memory

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// CreateOrganisation implements licensing.CatalogStore, as do the exported methods below.
func (s *Store) CreateOrganisation(_ context.Context, o licensing.Organisation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.organisations[o.ID]; taken {
		return licensing.ErrExists
	}
	s.organisations[o.ID] = o
	return nil
}

// Organisation implements licensing.CatalogStore.
func (s *Store) Organisation(_ context.Context, id license.ID) (licensing.Organisation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, known := s.organisations[id]
	if !known {
		return o, licensing.ErrNotFound
	}
	return o, nil
}

// CreateProduct implements licensing.CatalogStore.
func (s *Store) CreateProduct(_ context.Context, p licensing.Product) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.organisations[p.Organisation]; !known {
		return licensing.ErrNotFound
	}
	if s.products[p.ID] != nil || s.isProductNameTaken(p) {
		return licensing.ErrExists
	}
	s.products[p.ID] = &numbered[licensing.Product]{s.nextSeq(), p}
	return nil
}

// isProductNameTaken reports whether another product of the organisation has the name.
func (s *Store) isProductNameTaken(p licensing.Product) bool {
	for id, other := range s.products {
		if id != p.ID && other.record.Organisation == p.Organisation && other.record.Name == p.Name {
			return true
		}
	}
	return false
}

// product returns a product of the organisation, or nil.
func (s *Store) product(org, id license.ID) *numbered[licensing.Product] {
	if p := s.products[id]; p != nil && p.record.Organisation == org {
		return p
	}
	return nil
}

// Product implements licensing.CatalogStore.
func (s *Store) Product(_ context.Context, org, id license.ID) (licensing.Product, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.product(org, id)
	if p == nil {
		return licensing.Product{}, licensing.ErrNotFound
	}
	return p.record, nil
}

// Products implements licensing.CatalogStore.
func (s *Store) Products(_ context.Context, org license.ID, page licensing.Page) (licensing.Listing[licensing.Product], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []numbered[licensing.Product]
	for _, p := range s.products {
		if p.record.Organisation == org && (page.Archived == nil || *page.Archived == p.record.Archived) {
			all = append(all, *p)
		}
	}
	return listSorted(page, all, func(p *licensing.Product) string { return p.Name },
		func(p *licensing.Product) lease.Time { return p.Updated })
}

// UpdateProduct implements licensing.CatalogStore.
func (s *Store) UpdateProduct(_ context.Context, p licensing.Product) (licensing.Product, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.product(p.Organisation, p.ID)
	switch {
	case held == nil:
		return p, licensing.ErrNotFound
	case held.record.Revision != p.Revision:
		return p, licensing.ErrStale
	case s.isProductNameTaken(p):
		return p, licensing.ErrExists
	}
	p.Revision++
	p.Created = held.record.Created
	held.record = p
	return p, nil
}

// DeleteProduct implements licensing.CatalogStore.
func (s *Store) DeleteProduct(_ context.Context, org, id license.ID, revision int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.product(org, id)
	switch {
	case held == nil:
		return licensing.ErrNotFound
	case revision != 0 && held.record.Revision != revision:
		return licensing.ErrStale
	}
	for _, v := range s.versions {
		if v.record.Product == id {
			return licensing.ErrInUse
		}
	}
	delete(s.products, id)
	return nil
}

// ProductKeyring implements licensing.CatalogStore.
func (s *Store) ProductKeyring(ctx context.Context, id license.ID) ([]byte, error) {
	p, err := s.ProductWithKeys(ctx, id)
	return p.Keyring, err
}

// CreateVersion implements licensing.CatalogStore.
func (s *Store) CreateVersion(_ context.Context, v licensing.Version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.product(v.Organisation, v.Product) == nil {
		return licensing.ErrNotFound
	}
	if s.versions[v.ID] != nil || s.isVersionNameTaken(v) {
		return licensing.ErrExists
	}
	s.versions[v.ID] = &numbered[licensing.Version]{s.nextSeq(), v}
	return nil
}

// isVersionNameTaken reports whether another version of the product has the name.
func (s *Store) isVersionNameTaken(v licensing.Version) bool {
	for id, other := range s.versions {
		if id != v.ID && other.record.Product == v.Product && other.record.Name == v.Name {
			return true
		}
	}
	return false
}

// version returns a version of the organisation, or nil.
func (s *Store) version(org, id license.ID) *numbered[licensing.Version] {
	if v := s.versions[id]; v != nil && v.record.Organisation == org {
		return v
	}
	return nil
}

// Version implements licensing.CatalogStore.
func (s *Store) Version(_ context.Context, org, id license.ID) (licensing.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.version(org, id)
	if v == nil {
		return licensing.Version{}, licensing.ErrNotFound
	}
	return v.record, nil
}

// Versions implements licensing.CatalogStore.
func (s *Store) Versions(_ context.Context, org, product license.ID, page licensing.Page) (licensing.Listing[licensing.Version], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []numbered[licensing.Version]
	for _, v := range s.versions {
		if v.record.Organisation == org && v.record.Product == product && (page.Archived == nil || *page.Archived == v.record.Archived) {
			all = append(all, *v)
		}
	}
	return listSorted(page, all, func(v *licensing.Version) string { return v.Name },
		func(v *licensing.Version) lease.Time { return v.Updated })
}

// UpdateVersion implements licensing.CatalogStore.
func (s *Store) UpdateVersion(_ context.Context, v licensing.Version) (licensing.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.version(v.Organisation, v.ID)
	if held == nil {
		return v, licensing.ErrNotFound
	}
	v.Created, v.Product = held.record.Created, held.record.Product
	switch {
	case held.record.Revision != v.Revision:
		return v, licensing.ErrStale
	case s.isVersionNameTaken(v):
		return v, licensing.ErrExists
	}
	v.Revision++
	held.record = v
	return v, nil
}

// DeleteVersion implements licensing.CatalogStore.
func (s *Store) DeleteVersion(_ context.Context, org, id license.ID, revision int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.version(org, id)
	switch {
	case held == nil:
		return licensing.ErrNotFound
	case revision != 0 && held.record.Revision != revision:
		return licensing.ErrStale
	}
	for _, b := range s.licenses {
		if b.record.Version == id {
			return licensing.ErrInUse
		}
	}
	delete(s.versions, id)
	return nil
}
