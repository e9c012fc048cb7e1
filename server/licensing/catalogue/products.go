package catalogue

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// CreateProduct creates a product with new keys.
func (s *Service) CreateProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	return s.CreateProductWithKeys(ctx, p, licensing.NewKeys{})
}

// CreateProductWithKeys creates a product with keys as configured, or with imported ones. Imported keys may belong to this product only: a
// *licensing.Conflict with CodeRootInUse otherwise.
func (s *Service) CreateProductWithKeys(ctx context.Context, p licensing.Product, keys licensing.NewKeys) (licensing.Product, error) {
	if err := p.Check(); err != nil {
		return licensing.Product{}, err
	}
	if keys.Version != 0 && keys.Version != 4 && keys.Version != 6 {
		return licensing.Product{}, licensing.NewInvalid("keys.version", "is %d, allowed are 4 and 6", keys.Version)
	}
	if err := s.initRecord(ctx, &p.Record); err != nil {
		return licensing.Product{}, err
	}
	p, err := s.storeNewProduct(ctx, p, keys)
	if err != nil && !licensing.IsReplay(ctx, err) {
		return licensing.Product{}, err
	}
	return licensing.CreatedOrExisting(ctx, p, err, func() (licensing.Product, error) { return s.store.Product(ctx, p.Organisation, p.ID) })
}

// storeNewProduct creates the keys of a new product and stores both.
func (s *Service) storeNewProduct(ctx context.Context, p licensing.Product, keys licensing.NewKeys) (licensing.Product, error) {
	keys.Name = p.Name
	if err := p.SetKeys(s.issuer.NewKeyring(p.ID, keys, s.env.Clock())); err != nil {
		return p, fmt.Errorf("making the product's keys: %w", err)
	}
	if err := s.keys.ClaimRoot(ctx, p); err != nil {
		return p, err
	}
	err := s.store.CreateProduct(ctx, p)
	if err != nil {
		err = errors.Join(err, s.keys.ReleaseRoot(ctx, p))
	}
	return p, err
}

// UpdateProduct changes name, description, archived and metadata.
func (s *Service) UpdateProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	if err := p.Check(); err != nil {
		return licensing.Product{}, err
	}
	old, err := s.store.Product(ctx, p.Organisation, p.ID)
	if err != nil {
		return licensing.Product{}, err
	}
	p.Created, p.Updated, p.Keyring, p.SealedKeys, p.Statement = old.Created, s.env.Now(), old.Keyring, old.SealedKeys, old.Statement
	return s.store.UpdateProduct(ctx, p)
}

// DeleteProduct deletes a product; licensing.ErrInUse while it has versions.
func (s *Service) DeleteProduct(ctx context.Context, org, id license.ID, revision int64) error {
	p, err := s.store.Product(ctx, org, id)
	if err != nil {
		return err
	}
	if err := s.store.DeleteProduct(ctx, org, id, revision); err != nil {
		return err
	}
	return s.keys.ReleaseRoot(ctx, p)
}
