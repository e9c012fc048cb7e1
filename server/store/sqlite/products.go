package sqlite

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// CreateOrganisation implements licensing.CatalogStore.
func (s *Store) CreateOrganisation(ctx context.Context, o licensing.Organisation) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO organisations VALUES (?, ?, ?)`, o.ID, o.Name, o.Created)
		return mapConstraint(err)
	})
}

// Organisation implements licensing.CatalogStore.
func (s *Store) Organisation(_ context.Context, id license.ID) (licensing.Organisation, error) {
	o := licensing.Organisation{ID: id}
	err := s.row(`SELECT name, created FROM organisations WHERE id = ?`, id).Scan(&o.Name, &o.Created)
	return o, mapNotFound(err)
}

// editCatalogue makes a change of the catalogue. Later syncs read what it changed from the database.
func (s *Store) editCatalogue(ctx context.Context, fn func(*tx) error) error {
	err := s.writeAndInvalidate(ctx, fn)
	s.licenses.edition.Add(1) // also after a failure: a COMMIT that failed may have reached the disk
	return err
}

// CreateProduct implements licensing.CatalogStore.
func (s *Store) CreateProduct(ctx context.Context, p licensing.Product) error {
	return s.editCatalogue(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO products VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, p.ID, p.Organisation, p.Revision, p.Created,
			p.Updated,
			encodeJSON(p.Metadata), p.Name, foldCase(p.Name), p.Description, p.Archived, p.Keyring, p.SealedKeys, p.Statement)
		return mapConstraint(err)
	})
}

const productColumns = `seq, id, org, revision, created, updated, metadata, name, description, archived, keyring, secret, list`

func readProduct(seq *int64, row scanner) (p licensing.Product, err error) {
	var metadata string
	if err := row.Scan(seq, &p.ID, &p.Organisation, &p.Revision, &p.Created, &p.Updated, &metadata, &p.Name, &p.Description, &p.Archived,
		&p.Keyring, &p.SealedKeys, &p.Statement); err != nil {
		return p, mapNotFound(err)
	}
	return p, decodeJSON(metadata, &p.Metadata)
}

// Product implements licensing.CatalogStore.
func (s *Store) Product(_ context.Context, org, id license.ID) (licensing.Product, error) {
	return readProduct(new(int64), s.row(`SELECT `+productColumns+` FROM products WHERE id = ? AND org = ?`, id, org))
}

// ProductWithKeys implements licensing.SyncStore.
func (s *Store) ProductWithKeys(_ context.Context, id license.ID) (licensing.Product, error) {
	return readProduct(new(int64), s.row(`SELECT `+productColumns+` FROM products WHERE id = ?`, id))
}

// ProductKeyring implements licensing.CatalogStore.
func (s *Store) ProductKeyring(_ context.Context, id license.ID) (certificate []byte, err error) {
	err = s.row(`SELECT keyring FROM products WHERE id = ?`, id).Scan(&certificate)
	return certificate, mapNotFound(err)
}

// Products implements licensing.CatalogStore.
func (s *Store) Products(_ context.Context, org license.ID, page licensing.Page) (licensing.Listing[licensing.Product], error) {
	return listSorted(s, `products`, productColumns, org, whereClause{}, page, readProduct, func(p licensing.Product) (string, lease.Time) {
		return foldCase(p.Name), p.Updated
	})
}

// EachProduct calls each for every product of every organisation, with its encrypted keys. It stops at the first error.
func (s *Store) EachProduct(_ context.Context, each func(licensing.Product) error) error {
	return s.rows(func(row scanner) error {
		p, err := readProduct(new(int64), row)
		if err != nil {
			return err
		}
		return each(p)
	}, allProducts)
}

const allProducts = `SELECT ` + productColumns + ` FROM products ORDER BY seq`

// UpdateProduct implements licensing.CatalogStore.
func (s *Store) UpdateProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	err := s.editCatalogue(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE products SET revision = revision + 1, updated = ?, metadata = ?, name = ?, folded = ?, description = ?, archived
			= ?,
			keyring = ?, secret = ?, list = ? WHERE id = ? AND org = ? AND revision = ?`,
			p.Updated, encodeJSON(p.Metadata), p.Name, foldCase(p.Name), p.Description, p.Archived, p.Keyring, p.SealedKeys, p.Statement, p.ID,
			p.Organisation, p.Revision)
		return requireOneRow(t, n, err, `SELECT 1 FROM products WHERE id = ? AND org = ?`, p.ID, p.Organisation)
	})
	p.Revision++
	return p, err
}

// DeleteProduct implements licensing.CatalogStore.
func (s *Store) DeleteProduct(ctx context.Context, org, id license.ID, revision int64) error {
	return s.editCatalogue(ctx, func(t *tx) error {
		return deleteLeaf(t, `products`, `SELECT 1 FROM versions WHERE product = ?`, org, id, revision)
	})
}

// deleteLeaf deletes a record. It returns ErrInUse if the query children has a row for it.
func deleteLeaf(t *tx, table, children string, org, id license.ID, revision int64) error {
	if err := checkRevision(t, table, org, id, revision); err != nil {
		return err
	}
	if used, err := rowExists(t, children, id); err != nil {
		return err
	} else if used {
		return licensing.ErrInUse
	}
	_, err := t.exec(`DELETE FROM `+table+` WHERE id = ?`, id)
	return err
}

// checkRevision returns ErrNotFound if the record does not exist, and ErrStale if it does not have the given revision; revision 0 accepts
// any.
func checkRevision(t *tx, table string, org, id license.ID, revision int64) error {
	var present int64
	err := mapNotFound(t.row(`SELECT revision FROM `+table+` WHERE id = ? AND org = ?`, id, org).Scan(&present))
	if err == nil && revision != 0 && present != revision {
		return licensing.ErrStale
	}
	return err
}
