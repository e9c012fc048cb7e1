package mongo

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// DeleteLicense implements licensing.Catalogue. From the moment that the license's document is gone, nothing can be done with it; what
// belonged to it is tidied after that, and by the sweep if this node dies before.
func (s *Store) DeleteLicense(ctx context.Context, org, id license.ID) error {
	if err := s.owned(ctx, org, id); err != nil {
		return err
	}
	if err := s.insert(ctx, s.deletions, with("_id", string(id))); err != nil && !errors.Is(err, licensing.ErrExists) {
		return err
	}
	met, err := s.remove(ctx, s.licenses, byID(string(id), "org", string(org)))
	if err != nil {
		return err
	}
	return errors.Join(s.tidyDeleted(ctx, string(id)), found(met))
}

func found(met bool) error {
	if met {
		return nil
	}
	return licensing.ErrNotFound
}

// tidyDeleted removes what a deleted license had. The license goes here too: the deletion was written before it.
func (s *Store) tidyDeleted(ctx context.Context, id string) error {
	if _, err := s.remove(ctx, s.licenses, byID(id)); err != nil {
		return err
	}
	if _, err := s.remove(ctx, s.meters, byID(id)); err != nil {
		return err
	}
	if err := s.removeWhere(ctx, s.pools, with("license", id)); err != nil {
		return err
	}
	if err := s.removeWhere(ctx, s.activations, with("license", id)); err != nil {
		return err
	}
	_, err := s.remove(ctx, s.deletions, byID(id))
	return err
}
