package mongo

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// organisation is a document.
type organisation struct {
	ID      string `bson:"_id"`
	Name    string `bson:"name"`
	Created date   `bson:"created"`
}

func organisationOf(o licensing.Organisation) organisation {
	return organisation{ID: string(o.ID), Name: o.Name, Created: dateOf(o.Created)}
}

// CreateOrganisation implements licensing.Catalogue.
func (s *Store) CreateOrganisation(ctx context.Context, o licensing.Organisation) error {
	return s.insert(ctx, s.organisations, organisationOf(o))
}

// Organisation implements licensing.Catalogue.
func (s *Store) Organisation(ctx context.Context, id license.ID) (licensing.Organisation, error) {
	d, err := one[organisation](ctx, s.organisations, with("_id", string(id)))
	return licensing.Organisation{ID: id, Name: d.Name, Created: timeOf(d.Created)}, err
}

// product is a document.
type product struct {
	Meta        meta   `bson:",inline"`
	Name        string `bson:"name"`
	Description string `bson:"description"`
	Archived    bool   `bson:"archived"`
	Keyring     []byte `bson:"keyring"`
	Secret      []byte `bson:"secret"`
	List        []byte `bson:"list"`
}

func productOf(p licensing.Product) product {
	return product{metaOf(p.Meta, nameKey("product", string(p.Organisation), p.Name), fold(p.Name)), p.Name, p.Description, p.Archived, p.Keyring, p.Secret, p.List}
}

func (d product) record() licensing.Product {
	return licensing.Product{Meta: d.Meta.record(), Name: d.Name, Description: d.Description, Archived: d.Archived, Keyring: d.Keyring, Secret: d.Secret, List: d.List}
}

// CreateProduct implements licensing.Catalogue.
func (s *Store) CreateProduct(ctx context.Context, p licensing.Product) error {
	d := productOf(p)
	if there, err := exists(ctx, s.organisations, with("_id", d.Meta.Org)); err != nil || !there {
		return missing(err)
	}
	return s.named(ctx, s.products, d.Meta.NameKey, d.Meta.ID, d)
}

// missing is ErrNotFound, unless something worse happened.
func missing(err error) error {
	if err != nil {
		return err
	}
	return licensing.ErrNotFound
}

// Product implements licensing.Catalogue.
func (s *Store) Product(ctx context.Context, org, id license.ID) (licensing.Product, error) {
	d, err := one[product](ctx, s.products, with("_id", string(id), "org", string(org)))
	return d.record(), err
}

// KeysOf implements licensing.Chains.
func (s *Store) KeysOf(ctx context.Context, id license.ID) (licensing.Product, error) {
	d, err := one[product](ctx, s.products, with("_id", string(id), "barred", with("$exists", false)))
	return d.record(), err
}

// ProductKeyring implements licensing.Catalogue.
func (s *Store) ProductKeyring(ctx context.Context, id license.ID) ([]byte, error) {
	d, err := one[product](ctx, s.products, with("_id", string(id), "barred", with("$exists", false)), only("keyring"))
	return d.Keyring, err
}

// Products implements licensing.Catalogue.
func (s *Store) Products(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[licensing.Product], error) {
	return sorted(ctx, s.products, with("org", string(org)), page, product.record)
}

// EachProduct calls each for every product, of every organisation, with its sealed keys.
func (s *Store) EachProduct(ctx context.Context, each func(licensing.Product) error) error {
	all, err := find[product](ctx, s.products, with("barred", with("$exists", false)))
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

// UpdateProduct implements licensing.Catalogue.
func (s *Store) UpdateProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	d := productOf(p)
	err := s.update(ctx, s.products, &d.Meta, &d)
	p.Revision++
	return p, err
}

// DeleteProduct implements licensing.Catalogue.
func (s *Store) DeleteProduct(ctx context.Context, org, id license.ID, revision int64) error {
	return s.erase(ctx, s.products, org, id, revision, s.versions, "product")
}

func (d product) place() (date, string) { return d.Meta.place() }

func (d product) catalogued() meta { return d.Meta }
