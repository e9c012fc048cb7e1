package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// A license can be created again with the id of a deleted one, by an import, while a node that was stalled still deletes what belonged to
// the first. So each license has a random birth token, which its meter and its deletion have too, and the license and the meter are
// deleted only with that token. Buckets and activations have birth tokens of their own: those that were read before the deletion's
// document was seen belonged to the deleted license, since a license is created again only after that document is gone.

// DeleteLicense implements licensing.CatalogStore. From the moment that the license's document is gone, nothing can be done with it. What
// belonged to it is deleted after that, or by the sweep if this node dies before.
func (s *Store) DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error {
	present, err := findOne[licenseRecord](ctx, s.licenses, newDoc("_id", string(id), "org", string(org)), project("revision", "birth"))
	switch {
	case err != nil:
		return err
	case revision != 0 && present.Meta.Revision != revision:
		return licensing.ErrStale
	}
	d := deletion{string(id), revision, present.Birth}
	begun, err := s.beginDeletion(ctx, d)
	if err != nil {
		return err
	}
	met, err := s.deleteOne(ctx, s.licenses, append(d.filter("org", string(org)), atRevision(revision)...))
	if err != nil {
		return err
	}
	if err := s.deleteRemains(ctx, d); err != nil || met {
		return err
	}
	if there, err := exists(ctx, s.licenses, d.filter()); err != nil || there {
		return errors.Join(err, licensing.ErrStale) // it was edited at the same time
	}
	if begun {
		return nil // another node completed this deletion
	}
	return licensing.ErrNotFound
}

// deletion is written before a license is deleted.
type deletion struct {
	ID       string `bson:"_id"`
	Revision int64  `bson:"revision"`        // that the license must have; 0 accepts any
	Birth    string `bson:"birth,omitempty"` // that the license must have; empty: none
}

// filter returns the filter of a document with the deletion's id and birth token: the deletion, the license, or the meter.
func (d deletion) filter(more ...any) bson.D { return append(byID(d.ID, more...), atBirth(d.Birth)) }

// beginDeletion writes the deletion, unless one of the same license is there, and reports whether it wrote it. The deletion of an earlier
// license with the id is completed before.
func (s *Store) beginDeletion(ctx context.Context, d deletion) (begun bool, err error) {
	for attempt := 0; ; attempt++ {
		err := s.insert(ctx, s.deletions, d)
		if !errors.Is(err, licensing.ErrExists) {
			return err == nil, err
		}
		if same, err := exists(ctx, s.deletions, d.filter()); err != nil || same {
			return false, err
		}
		if err := s.completeDeletion(ctx, d.ID); err != nil {
			return false, err
		}
		if err := backOff(ctx, attempt); err != nil {
			return false, err
		}
	}
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
// that was edited before it could be deleted stays, and so does a later one with the same id.
func (s *Store) deleteRemains(ctx context.Context, d deletion) error {
	if _, err := s.deleteOne(ctx, s.licenses, append(d.filter(), atRevision(d.Revision)...)); err != nil {
		return err
	}
	if there, err := exists(ctx, s.licenses, byID(d.ID)); err != nil {
		return err
	} else if there {
		_, err := s.deleteOne(ctx, s.deletions, d.filter("revision", d.Revision))
		return err
	}
	if _, err := s.deleteOne(ctx, s.meters, d.filter()); err != nil {
		return err
	}
	for _, c := range []*mongo.Collection{s.pools, s.activations} {
		if err := s.deleteBelongings(ctx, c, d); err != nil {
			return err
		}
	}
	_, err := s.deleteOne(ctx, s.deletions, d.filter())
	return err
}

// deleteBelongings deletes the buckets or activations of the deleted license, each by its _id and birth token. It deletes nothing more once
// the deletion was completed by another node.
func (s *Store) deleteBelongings(ctx context.Context, c *mongo.Collection, d deletion) error {
	const atOnce = 1000
	for {
		some, err := findAll[struct {
			ID    string `bson:"_id"`
			Birth string `bson:"birth"`
		}](ctx, c, newDoc("license", d.ID), options.Find().SetProjection(newDoc("_id", 1, "birth", 1)).SetLimit(atOnce))
		if err != nil || len(some) == 0 {
			return err
		}
		if inProgress, err := exists(ctx, s.deletions, d.filter()); err != nil || !inProgress {
			return err
		}
		filters := make([]bson.D, len(some))
		for i, one := range some {
			filters[i] = append(byID(one.ID), atBirth(one.Birth))
		}
		if err := s.deleteEach(ctx, c, filters); err != nil || len(some) < atOnce {
			return err
		}
	}
}
