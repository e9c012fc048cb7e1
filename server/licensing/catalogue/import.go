package catalogue

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Imported records keep their ids where these are free, their times and their status. Keys are not exported: a product gets new ones.

// ImportProduct creates a product of an export, with new keys.
func (s *Service) ImportProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	if err := p.Check(); err != nil {
		return licensing.Product{}, err
	}
	return importRecord(ctx, s, &p.Record, func() (licensing.Product, error) { return s.storeNewProduct(ctx, p, licensing.NewKeys{}) },
		s.store.Product)
}

// ImportVersion creates a version of an export, of the product that it names.
func (s *Service) ImportVersion(ctx context.Context, v licensing.Version) (licensing.Version, error) {
	if err := v.Check(); err != nil {
		return licensing.Version{}, err
	}
	return importRecord(ctx, s, &v.Record, func() (licensing.Version, error) { return v, s.store.CreateVersion(ctx, v) }, s.store.Version)
}

// ImportCustomer creates a customer of an export; licensing.ErrExists if another customer has its reference.
func (s *Service) ImportCustomer(ctx context.Context, c Customer) (Customer, error) {
	if err := c.check(); err != nil {
		return Customer{}, err
	}
	return importRecord(ctx, s, &c.Record, func() (Customer, error) {
		err := s.storeNewCustomer(ctx, c)
		if errors.Is(err, licensing.ErrExists) {
			// another organisation has the id; the record is created with a new one, and claims the reference again
			if _, own := s.Customer(ctx, c.Organisation, c.ID); errors.Is(own, licensing.ErrNotFound) {
				err = errors.Join(err, s.releaseReference(ctx, c))
			}
		}
		return c, err
	}, s.Customer)
}

// ImportLicense creates a license of an export, of the version and for the customer that it names. Its usage starts at 0. A trial is
// claimed for its customer; it is no error if the customer had another one from before the policy allowed only one.
func (s *Service) ImportLicense(ctx context.Context, l licensing.License) (licensing.License, error) {
	v, err := s.store.Version(ctx, l.Organisation, l.Version)
	if err != nil {
		return licensing.License{}, fmt.Errorf("the license's version: %w", err)
	}
	l.Product = v.Product
	if err := l.Check(v.Policy); err != nil {
		return licensing.License{}, err
	}
	l, err = importRecord(ctx, s, &l.Record, func() (licensing.License, error) { return l, s.store.CreateLicense(ctx, l) }, s.store.License)
	if err != nil {
		return l, err
	}
	if _, err := s.claimTrial(ctx, l, v.Policy); err != nil && !errors.As(err, new(*licensing.Invalid)) {
		return l, err
	}
	return l, s.clearDeletedCustomer(ctx, l)
}

// importRecord creates a record with its previous id, or with a new one if that is in use elsewhere. If the record exists in the same
// organisation, an earlier attempt has imported it.
func importRecord[T any](ctx context.Context, s *Service, m *licensing.Record, create func() (T, error),
	read func(ctx context.Context, org, id license.ID) (T, error)) (T, error) {
	m.Revision = 1
	if m.Created == 0 {
		m.Created = s.env.Now()
	}
	if m.Updated == 0 {
		m.Updated = m.Created
	}
	record, err := create()
	if !errors.Is(err, licensing.ErrExists) {
		return record, err
	}
	if own, err := read(ctx, m.Organisation, m.ID); !errors.Is(err, licensing.ErrNotFound) {
		return own, err
	}
	if m.ID, err = s.env.NewID(ctx); err != nil {
		return record, err
	}
	return create()
}
