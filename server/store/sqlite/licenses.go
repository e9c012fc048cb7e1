package sqlite

import (
	"context"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// CreateLicense implements licensing.CatalogStore.
func (s *Store) CreateLicense(ctx context.Context, l licensing.License) error {
	return s.editCatalogue(ctx, func(t *tx) error {
		if there, err := rowExists(t, `SELECT 1 FROM versions WHERE id = ? AND org = ? AND product = ?`, l.Version, l.Organisation,
			l.Product); err != nil || !there {
			return orNotFound(err)
		}
		if _, err := t.exec(`INSERT INTO licenses VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, l.ID,
			l.Organisation, l.Product,
			l.Version, l.Revision, l.Created, l.Updated, encodeJSON(l.Metadata), l.Name, foldCase(l.Name, l.Customer), l.Customer,
			strings.Join(l.Contexts, ","), joinEntitlements(l.Entitlements), l.Allowance, l.Expires, l.Status, encodeJSON(l.Overrides), l.CustomerID,
			l.Maintenance, encodeSparse(newLicenseMore(l)), l.Archived); err != nil {
			return mapConstraint(err)
		}
		_, err := t.exec(`INSERT INTO meters (license) VALUES (?)`, l.ID)
		return err
	})
}

const licenseColumns = `seq, id, org, product, version, revision, created, updated, metadata, name, customer, contexts, entitlements,
	allowance, expires, status, overrides,
	customer_id, maintenance, more, archived`

func readLicense(seq *int64, row scanner) (l licensing.License, err error) {
	var metadata, contexts, entitlements, overrides, more string
	if err := row.Scan(seq, &l.ID, &l.Organisation, &l.Product, &l.Version, &l.Revision, &l.Created, &l.Updated, &metadata, &l.Name,
		&l.Customer,
		&contexts, &entitlements, &l.Allowance, &l.Expires, &l.Status, &overrides,
		&l.CustomerID, &l.Maintenance, &more, &l.Archived); err != nil {
		return l, mapNotFound(err)
	}
	l.Contexts = splitList(contexts)
	if l.Entitlements, err = splitEntitlements(entitlements); err != nil {
		return l, err
	}
	var m licenseMore
	if err := decodeSparse(more, &m); err != nil {
		return l, err
	}
	l.Trial, l.Term, l.RecentHistory, l.Fingerprint, l.Holds = m.Trial, m.Term, m.Recent, m.Fingerprint, m.Holds
	return l, decodeJSON(metadata, &l.Metadata, overrides, &l.Overrides)
}

// licenseMore are the members that few licenses have, in one column.
type licenseMore struct {
	Trial       bool                     `json:"trial,omitempty"`
	Term        licensing.Term           `json:"term"`
	Recent      []licensing.HistoryEntry `json:"recent,omitempty"`
	Fingerprint []lease.FingerprintPart  `json:"fingerprint,omitempty"`
	Holds       []licensing.Hold         `json:"holds,omitempty"`
}

func newLicenseMore(l licensing.License) licenseMore {
	return licenseMore{l.Trial, l.Term, l.RecentHistory, l.Fingerprint, l.Holds}
}

// License implements licensing.CatalogStore.
func (s *Store) License(_ context.Context, org, id license.ID) (licensing.License, error) {
	return readLicense(new(int64), s.row(`SELECT `+licenseColumns+` FROM licenses WHERE id = ? AND org = ?`, id, org))
}

// Licenses implements licensing.CatalogStore.
func (s *Store) Licenses(_ context.Context, org license.ID, filter licensing.LicenseFilter,
	page licensing.Page) (licensing.Listing[licensing.License], error) {
	var w whereClause
	w.filterLicenses(filter)
	return listSorted(s, `licenses`, licenseColumns, org, w, page, readLicense, func(l licensing.License) (string, lease.Time) {
		return foldCase(l.Name, l.Customer), l.Updated
	})
}

// UpdateLicense implements licensing.CatalogStore.
func (s *Store) UpdateLicense(ctx context.Context, l licensing.License) (licensing.License, error) {
	err := s.editCatalogue(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE licenses SET revision = revision + 1, updated = ?, metadata = ?, name = ?, folded = ?, customer = ?, contexts =
			?,
			entitlements = ?, allowance = ?, expires = ?, status = ?, overrides = ?, customer_id = ?, maintenance = ?, more = ?, archived = ?
			WHERE id = ? AND org = ? AND revision = ?`,
			l.Updated, encodeJSON(l.Metadata), l.Name, foldCase(l.Name, l.Customer), l.Customer, strings.Join(l.Contexts,
				","), joinEntitlements(l.Entitlements),
			l.Allowance, l.Expires, l.Status, encodeJSON(l.Overrides), l.CustomerID, l.Maintenance, encodeSparse(newLicenseMore(l)), l.Archived,
			l.ID, l.Organisation, l.Revision)
		return requireOneRow(t, n, err, `SELECT 1 FROM licenses WHERE id = ? AND org = ?`, l.ID, l.Organisation)
	})
	l.Revision++
	return l, err
}

// DeleteLicense implements licensing.CatalogStore.
func (s *Store) DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error {
	return s.editCatalogue(ctx, func(t *tx) error {
		if err := checkRevision(t, `licenses`, org, id, revision); err != nil {
			return err
		}
		for _, table := range []string{`reservations`, `pools`, `activations`, `meters`} {
			if _, err := t.exec(`DELETE FROM `+table+` WHERE license = ?`, id); err != nil {
				return err
			}
		}
		_, err := t.exec(`DELETE FROM licenses WHERE id = ?`, id)
		return err
	})
}

// LicenseContext implements licensing.SyncStore.
func (s *Store) LicenseContext(_ context.Context, id license.ID) (licensing.LicenseContext, error) {
	terms, edition, ok := s.licenses.lookup(id)
	if ok {
		return terms, nil
	}
	terms, err := s.readLicenseContext(id)
	if err != nil {
		return licensing.LicenseContext{}, err
	}
	s.licenses.store(id, terms, edition)
	return terms, nil
}

// Meter implements licensing.SyncStore.
func (s *Store) Meter(_ context.Context, id license.ID) (licensing.Meter, error) {
	return readMeter(s.row(`SELECT `+meterColumns+` FROM meters m WHERE m.license = ?`, id))
}

// LastSync implements licensing.SyncStore.
func (s *Store) LastSync(_ context.Context, id license.ID) (last lease.Time, err error) {
	err = s.row(`SELECT (SELECT coalesce(max(last_sync), 0) FROM activations WHERE license = l.id) FROM licenses l WHERE l.id = ?`,
		id).Scan(&last)
	return last, mapNotFound(err)
}

func (s *Store) readLicenseContext(id license.ID) (terms licensing.LicenseContext, err error) {
	if terms.License, err = readLicense(new(int64), s.row(`SELECT `+licenseColumns+` FROM licenses WHERE id = ?`, id)); err != nil {
		return terms, err
	}
	if terms.Version, err = s.Version(context.Background(), terms.License.Organisation, terms.License.Version); err != nil {
		return terms, err
	}
	terms.Product, err = s.ProductWithKeys(context.Background(), terms.License.Product)
	return terms, err
}
