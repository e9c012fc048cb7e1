package mongo

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// organisation is the document of an organisation.
type organisation struct {
	ID      string `bson:"_id"`
	Name    string `bson:"name"`
	Created date   `bson:"created"`
}

func newOrganisationDocument(o licensing.Organisation) organisation {
	return organisation{ID: string(o.ID), Name: o.Name, Created: dateOf(o.Created)}
}

// CreateOrganisation implements licensing.CatalogStore.
func (s *Store) CreateOrganisation(ctx context.Context, o licensing.Organisation) error {
	return s.insert(ctx, s.organisations, newOrganisationDocument(o))
}

// Organisation implements licensing.CatalogStore.
func (s *Store) Organisation(ctx context.Context, id license.ID) (licensing.Organisation, error) {
	d, err := findOne[organisation](ctx, s.organisations, newDoc("_id", string(id)))
	return licensing.Organisation{ID: id, Name: d.Name, Created: timeOf(d.Created)}, err
}

// product is the document of a product.
type product struct {
	Meta        baseDocument `bson:",inline"`
	Name        string       `bson:"name"`
	Description string       `bson:"description"`
	Archived    bool         `bson:"archived"`
	Keyring     []byte       `bson:"keyring"`
	Secret      []byte       `bson:"secret"`
	List        []byte       `bson:"list"`
}

func newProductDocument(p licensing.Product) product {
	return product{newBaseDocument(p.Record, nameKey("product", string(p.Organisation), p.Name), foldCase(p.Name)), p.Name, p.Description,
		p.Archived, p.Keyring, p.SealedKeys, p.Statement}
}

func (d product) record() licensing.Product {
	return licensing.Product{Record: d.Meta.record(), Name: d.Name, Description: d.Description, Archived: d.Archived, Keyring: d.Keyring,
		SealedKeys: d.Secret, Statement: d.List}
}

// CreateProduct implements licensing.CatalogStore.
func (s *Store) CreateProduct(ctx context.Context, p licensing.Product) error {
	d := newProductDocument(p)
	if there, err := exists(ctx, s.organisations, newDoc("_id", d.Meta.Org)); err != nil || !there {
		return orNotFound(err)
	}
	return s.insertNamed(ctx, s.products, d.Meta.NameKey, d.Meta.ID, d)
}

// orNotFound returns err, or ErrNotFound if it is nil.
func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return licensing.ErrNotFound
}

// Product implements licensing.CatalogStore.
func (s *Store) Product(ctx context.Context, org, id license.ID) (licensing.Product, error) {
	d, err := findOne[product](ctx, s.products, newDoc("_id", string(id), "org", string(org)))
	return d.record(), err
}

// ProductWithKeys implements licensing.SyncStore.
func (s *Store) ProductWithKeys(ctx context.Context, id license.ID) (licensing.Product, error) {
	d, err := findOne[product](ctx, s.products, newDoc("_id", string(id), "barred", newDoc("$exists", false)))
	return d.record(), err
}

// ProductKeyring implements licensing.CatalogStore.
func (s *Store) ProductKeyring(ctx context.Context, id license.ID) ([]byte, error) {
	d, err := findOne[product](ctx, s.products, newDoc("_id", string(id), "barred", newDoc("$exists", false)), project("keyring"))
	return d.Keyring, err
}

// Products implements licensing.CatalogStore.
func (s *Store) Products(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[licensing.Product], error) {
	return listSorted(ctx, s.products, newDoc("org", string(org)), page, product.record)
}

// EachProduct calls each for every product of every organisation, with its encrypted keys. It stops at the first error.
func (s *Store) EachProduct(ctx context.Context, each func(licensing.Product) error) error {
	all, err := findAll[product](ctx, s.products, newDoc("barred", newDoc("$exists", false)))
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := each(p.record()); err != nil {
			return err
		}
	}
	return nil
}

// UpdateProduct implements licensing.CatalogStore.
func (s *Store) UpdateProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	d := newProductDocument(p)
	err := s.replaceRecord(ctx, s.products, &d.Meta, &d)
	p.Revision++
	return p, err
}

// DeleteProduct implements licensing.CatalogStore.
func (s *Store) DeleteProduct(ctx context.Context, org, id license.ID, revision int64) error {
	return s.deleteLeaf(ctx, s.products, org, id, revision, s.versions, "product")
}

func (d product) position() (date, string) { return d.Meta.position() }

func (d product) base() baseDocument { return d.Meta }
