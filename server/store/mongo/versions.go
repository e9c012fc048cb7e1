package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// version is the document of a version.
type version struct {
	Meta        baseDocument     `bson:",inline"`
	Product     string           `bson:"product"`
	Name        string           `bson:"name"`
	Description string           `bson:"description"`
	Archived    bool             `bson:"archived"`
	Released    date             `bson:"released"`
	Policy      licensing.Policy `bson:"policy"`
}

func newVersionDocument(v licensing.Version) version {
	return version{newBaseDocument(v.Record, nameKey("version", string(v.Product), v.Name), foldCase(v.Name)), string(v.Product), v.Name,
		v.Description, v.Archived, dateOf(v.Released), v.Policy}
}

func (d version) record() licensing.Version {
	return licensing.Version{Record: d.Meta.record(), Product: license.ID(d.Product), Name: d.Name, Description: d.Description,
		Archived: d.Archived,
		Released: timeOf(d.Released), Policy: d.Policy}
}

// CreateVersion implements licensing.CatalogStore.
func (s *Store) CreateVersion(ctx context.Context, v licensing.Version) error {
	d := newVersionDocument(v)
	if there, err := exists(ctx, s.products, newDoc("_id", d.Product, "org", d.Meta.Org)); err != nil || !there {
		return orNotFound(err)
	}
	if err := s.insertNamed(ctx, s.versions, d.Meta.NameKey, d.Meta.ID, d); err != nil {
		return err
	}
	return s.undoIfParentGone(ctx, s.products, d.Product, s.versions, d.Meta.ID)
}

// undoIfParentGone deletes a new record again when its parent has been deleted.
func (s *Store) undoIfParentGone(ctx context.Context, parents *mongo.Collection, parent string, in *mongo.Collection, id string) error {
	err := s.verifyParent(ctx, parents, parent)
	if errors.Is(err, licensing.ErrNotFound) {
		_, undo := s.deleteOne(ctx, in, byID(id))
		return errors.Join(err, undo)
	}
	return err
}

// Version implements licensing.CatalogStore.
func (s *Store) Version(ctx context.Context, org, id license.ID) (licensing.Version, error) {
	d, err := findOne[version](ctx, s.versions, newDoc("_id", string(id), "org", string(org)))
	return d.record(), err
}

// Versions implements licensing.CatalogStore.
func (s *Store) Versions(ctx context.Context, org, product license.ID, page licensing.Page) (licensing.Listing[licensing.Version], error) {
	return listSorted(ctx, s.versions, newDoc("product", string(product), "org", string(org)), page, version.record)
}

// UpdateVersion implements licensing.CatalogStore.
func (s *Store) UpdateVersion(ctx context.Context, v licensing.Version) (licensing.Version, error) {
	d := newVersionDocument(v)
	err := s.replaceRecord(ctx, s.versions, &d.Meta, &d)
	v.Revision++
	return v, err
}

// DeleteVersion implements licensing.CatalogStore.
func (s *Store) DeleteVersion(ctx context.Context, org, id license.ID, revision int64) error {
	return s.deleteLeaf(ctx, s.versions, org, id, revision, s.licenses, "version")
}

func (d version) position() (date, string) { return d.Meta.position() }

func (d version) base() baseDocument { return d.Meta }
