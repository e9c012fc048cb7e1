package catalogue

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Restoring makes records as an export has them: with their ids where these are free, their times and their standing. What belongs to
// keys does not come with them: a product gets a keyring of its own.

// ImportProduct makes a product of an export.
func (s *Service) ImportProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	if err := p.Check(); err != nil {
		return licensing.Product{}, err
	}
	return importRecord(ctx, s, &p.Record, func() (licensing.Product, error) { return s.storeNewProduct(ctx, p, licensing.NewKeys{}) }, s.store.Product)
}

// ImportVersion makes a version of an export, below the product that it names.
func (s *Service) ImportVersion(ctx context.Context, v licensing.Version) (licensing.Version, error) {
	v.Policy = v.Policy.WithDefaults()
	if err := v.Check(); err != nil {
		return licensing.Version{}, err
	}
	return importRecord(ctx, s, &v.Record, func() (licensing.Version, error) { return v, s.store.CreateVersion(ctx, v) }, s.store.Version)
}

// ImportCustomer makes a customer of an export; ErrExists when another has its reference.
func (s *Service) ImportCustomer(ctx context.Context, c Customer) (Customer, error) {
	if err := c.check(); err != nil {
		return Customer{}, err
	}
	return importRecord(ctx, s, &c.Record, func() (Customer, error) {
		err := s.storeNewCustomer(ctx, c)
		if errors.Is(err, licensing.ErrExists) {
			if _, own := s.Customer(ctx, c.Organisation, c.ID); errors.Is(own, licensing.ErrNotFound) { // the id is somebody else's: the reference waits for the next
				err = errors.Join(err, s.releaseReference(ctx, c))
			}
		}
		return c, err
	}, s.Customer)
}

// ImportLicense makes a license of an export, below the version and for the customer that it names. Its calls begin at 0. A customer's trial
// counts as one; that there was another, before the policy allowed only one, is no fault of the export.
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

// importRecord creates a record under the id that it had, or under another if that is somebody else's by now. One that is there already, in
// the same organisation, was restored by an attempt before.
func importRecord[T any](ctx context.Context, s *Service, m *licensing.Record, create func() (T, error), read func(ctx context.Context, org, id license.ID) (T, error)) (T, error) {
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
