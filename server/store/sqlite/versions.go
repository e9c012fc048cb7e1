package sqlite

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// CreateVersion implements licensing.CatalogStore.
func (s *Store) CreateVersion(ctx context.Context, v licensing.Version) error {
	return s.editCatalogue(ctx, func(t *tx) error {
		if there, err := rowExists(t, `SELECT 1 FROM products WHERE id = ? AND org = ?`, v.Product, v.Organisation); err != nil || !there {
			return orNotFound(err)
		}
		_, err := t.exec(`INSERT INTO versions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, v.ID, v.Organisation, v.Product, v.Revision,
			v.Created,
			v.Updated, encodeJSON(v.Metadata), v.Name, foldCase(v.Name), v.Description, v.Archived, encodeJSON(v.Policy), v.Released)
		return mapConstraint(err)
	})
}

// orNotFound returns err, or ErrNotFound if it is nil.
func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return licensing.ErrNotFound
}

const versionColumns = `seq, id, org, product, revision, created, updated, metadata, name, description, archived, policy, released`

func readVersion(seq *int64, row scanner) (v licensing.Version, err error) {
	var metadata, policy string
	if err := row.Scan(seq, &v.ID, &v.Organisation, &v.Product, &v.Revision, &v.Created, &v.Updated, &metadata, &v.Name, &v.Description,
		&v.Archived, &policy, &v.Released); err != nil {
		return v, mapNotFound(err)
	}
	return v, decodeJSON(metadata, &v.Metadata, policy, &v.Policy)
}

// Version implements licensing.CatalogStore.
func (s *Store) Version(_ context.Context, org, id license.ID) (licensing.Version, error) {
	return readVersion(new(int64), s.row(`SELECT `+versionColumns+` FROM versions WHERE id = ? AND org = ?`, id, org))
}

// Versions implements licensing.CatalogStore.
func (s *Store) Versions(_ context.Context, org, product license.ID, page licensing.Page) (licensing.Listing[licensing.Version], error) {
	var w whereClause
	w.and(`product = ?`, product)
	return listSorted(s, `versions`, versionColumns, org, w, page, readVersion, func(v licensing.Version) (string, lease.Time) {
		return foldCase(v.Name), v.Updated
	})
}

// UpdateVersion implements licensing.CatalogStore.
func (s *Store) UpdateVersion(ctx context.Context, v licensing.Version) (licensing.Version, error) {
	err := s.editCatalogue(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE versions SET revision = revision + 1, updated = ?, metadata = ?, name = ?, folded = ?, description = ?, archived
			= ?,
			policy = ?, released = ? WHERE id = ? AND org = ? AND revision = ?`,
			v.Updated, encodeJSON(v.Metadata), v.Name, foldCase(v.Name), v.Description, v.Archived, encodeJSON(v.Policy), v.Released, v.ID,
			v.Organisation, v.Revision)
		return requireOneRow(t, n, err, `SELECT 1 FROM versions WHERE id = ? AND org = ?`, v.ID, v.Organisation)
	})
	v.Revision++
	return v, err
}

// DeleteVersion implements licensing.CatalogStore.
func (s *Store) DeleteVersion(ctx context.Context, org, id license.ID, revision int64) error {
	return s.editCatalogue(ctx, func(t *tx) error {
		return deleteLeaf(t, `versions`, `SELECT 1 FROM licenses WHERE version = ?`, org, id, revision)
	})
}
