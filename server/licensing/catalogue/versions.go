package catalogue

import (
	"context"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// CreateVersion creates a version of a product.
func (s *Service) CreateVersion(ctx context.Context, v licensing.Version) (licensing.Version, error) {
	if err := v.Check(); err != nil {
		return licensing.Version{}, err
	}
	if _, err := s.store.Product(ctx, v.Organisation, v.Product); err != nil {
		return licensing.Version{}, fmt.Errorf("the version's product: %w", err)
	}
	if err := s.initRecord(ctx, &v.Record); err != nil {
		return licensing.Version{}, err
	}
	return licensing.CreatedOrExisting(ctx, v, s.store.CreateVersion(ctx, v), func() (licensing.Version, error) {
		return s.store.Version(ctx, v.Organisation, v.ID)
	})
}

// UpdateVersion changes name, description, archived, metadata and policy. The policy's type cannot change: the version's licenses were made
// for it.
func (s *Service) UpdateVersion(ctx context.Context, v licensing.Version) (licensing.Version, error) {
	if err := v.Check(); err != nil {
		return licensing.Version{}, err
	}
	old, err := s.store.Version(ctx, v.Organisation, v.ID)
	if err != nil {
		return licensing.Version{}, err
	}
	if v.Policy.Type != old.Policy.Type {
		return licensing.Version{}, licensing.NewInvalid("policy.type", "cannot be changed from %s: make another version", old.Policy.Type)
	}
	v.Product, v.Created, v.Updated = old.Product, old.Created, s.env.Now()
	return s.store.UpdateVersion(ctx, v)
}

// DeleteVersion deletes a version; licensing.ErrInUse while it has licenses.
func (s *Service) DeleteVersion(ctx context.Context, org, id license.ID, revision int64) error {
	return s.store.DeleteVersion(ctx, org, id, revision)
}
