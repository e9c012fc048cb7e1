package mongo

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// DeleteLicense implements licensing.CatalogStore. From the moment that the license's document is gone, nothing can be done with it. What
// belonged to it is deleted after that, or by the sweep if this node dies before.
func (s *Store) DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error {
	present, err := findOne[baseDocument](ctx, s.licenses, newDoc("_id", string(id), "org", string(org)), project("revision"))
	switch {
	case err != nil:
		return err
	case revision != 0 && present.Revision != revision:
		return licensing.ErrStale
	}
	d := deletion{string(id), revision}
	if err := s.insert(ctx, s.deletions, d); err != nil && !errors.Is(err, licensing.ErrExists) {
		return err
	}
	met, err := s.deleteOne(ctx, s.licenses, append(byID(d.ID, "org", string(org)), atRevision(revision)...))
	if err != nil {
		return err
	}
	if err := s.deleteRemains(ctx, d); err != nil || met {
		return err
	}
	if there, err := exists(ctx, s.licenses, byID(d.ID)); err != nil || there {
		return errors.Join(err, licensing.ErrStale) // it was edited at the same time
	}
	return licensing.ErrNotFound
}

// deletion is written before a license is deleted.
type deletion struct {
	ID       string `bson:"_id"`
	Revision int64  `bson:"revision"` // that the license must have; 0 accepts any
}

// completeDeletion completes a deletion of the license, if one has begun.
func (s *Store) completeDeletion(ctx context.Context, id string) error {
	d, err := findOne[deletion](ctx, s.deletions, newDoc("_id", id))
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	return s.deleteRemains(ctx, d)
}

// deleteRemains deletes the license and everything that belonged to it: the deletion is written before the license is deleted. A license
// that was edited before it could be deleted stays.
func (s *Store) deleteRemains(ctx context.Context, d deletion) error {
	id := d.ID
	if _, err := s.deleteOne(ctx, s.licenses, append(byID(id), atRevision(d.Revision)...)); err != nil {
		return err
	}
	if there, err := exists(ctx, s.licenses, byID(id)); err != nil {
		return err
	} else if there {
		_, err := s.deleteOne(ctx, s.deletions, byID(id, "revision", d.Revision))
		return err
	}
	if _, err := s.deleteOne(ctx, s.meters, byID(id)); err != nil {
		return err
	}
	if err := s.deleteMany(ctx, s.pools, newDoc("license", id)); err != nil {
		return err
	}
	if err := s.deleteMany(ctx, s.activations, newDoc("license", id)); err != nil {
		return err
	}
	_, err := s.deleteOne(ctx, s.deletions, byID(id))
	return err
}
