package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// licenseRecord is the document of a license. What syncs change is not in it but in the meter, which has the same _id, and in the pools.
type licenseRecord struct {
	Meta         baseDocument             `bson:",inline"`
	Product      string                   `bson:"product"`
	Version      string                   `bson:"version"`
	Name         string                   `bson:"name"`
	Customer     string                   `bson:"customer"`
	Contexts     []string                 `bson:"contexts"`
	Entitlements []entitlement            `bson:"entitlements"`
	Allowance    int64                    `bson:"allowance"`
	Expires      date                     `bson:"expires"`
	Status       string                   `bson:"status"`
	Archived     bool                     `bson:"archived"`
	Overrides    licensing.Overrides      `bson:"overrides"`
	CustomerID   string                   `bson:"customer_id"`
	Trial        bool                     `bson:"trial"`
	Term         licensing.Term           `bson:"term"`
	Maintenance  date                     `bson:"maintenance"`
	Recent       []licensing.HistoryEntry `bson:"recent"`
	Fingerprint  []lease.FingerprintPart  `bson:"fingerprint"`
	Holds        []licensing.Hold         `bson:"holds"`
	Reduced      []string                 `bson:"narrowed,omitempty"` // entitlements that had more slots before
	Birth        string                   `bson:"birth,omitempty"`    // set at the creation; an update, which does not set it, keeps it
}

type entitlement struct {
	Name  string `bson:"name"`
	Slots int64  `bson:"slots"`
}

func newLicenseRecord(l licensing.License) licenseRecord {
	d := licenseRecord{newBaseDocument(l.Record, "", foldCase(l.Name, l.Customer)), string(l.Product), string(l.Version), l.Name, l.Customer,
		l.Contexts, nil,
		l.Allowance, dateOf(l.Expires), string(l.Status), l.Archived, l.Overrides, string(l.CustomerID), l.Trial, l.Term, dateOf(l.Maintenance),
		l.RecentHistory, l.Fingerprint, l.Holds, nil, ""}
	for _, e := range l.Entitlements {
		d.Entitlements = append(d.Entitlements, entitlement{e.Name, int64(e.Slots)})
	}
	return d
}

func (d licenseRecord) record() licensing.License {
	l := licensing.License{Record: d.Meta.record(), Product: license.ID(d.Product), Version: license.ID(d.Version), Name: d.Name,
		Customer: d.Customer,
		Contexts: d.Contexts, Allowance: d.Allowance, Expires: timeOf(d.Expires), Status: licensing.Status(d.Status), Archived: d.Archived,
		Overrides:  d.Overrides,
		CustomerID: license.ID(d.CustomerID), Trial: d.Trial, Term: d.Term, Maintenance: timeOf(d.Maintenance), RecentHistory: d.Recent,
		Fingerprint: d.Fingerprint, Holds: d.Holds}
	for _, e := range d.Entitlements {
		l.Entitlements = append(l.Entitlements, license.Entitlement{Name: e.Name, Slots: int(e.Slots)})
	}
	return l
}

// CreateLicense implements licensing.CatalogStore. The meter is written first: no license is ever without one. An unfinished deletion of a
// license with the same id is completed before the license is written.
func (s *Store) CreateLicense(ctx context.Context, l licensing.License) error {
	d := newLicenseRecord(l)
	d.Birth = newToken()
	version, err := exists(ctx, s.versions, newDoc("_id", d.Version, "org", d.Meta.Org, "product", d.Product))
	if err != nil || !version {
		return orNotFound(err)
	}
	if err := s.createMeter(ctx, d.Meta.ID, d.Birth); err != nil {
		return err
	}
	if err := s.completeDeletion(ctx, d.Meta.ID); err != nil {
		return err
	}
	if err := s.insert(ctx, s.licenses, d); err != nil {
		return err
	}
	return s.undoIfParentGone(ctx, s.versions, d.Version, s.licenses, d.Meta.ID)
}

// createMeter writes the meter of a new license. A meter that a dead node or a deletion in progress has left is made the new license's, so
// that the deletion, which states the birth token of its license, no longer deletes it. It returns ErrExists if there is a license with the
// id already.
func (s *Store) createMeter(ctx context.Context, id, birth string) error {
	for attempt := 0; ; attempt++ {
		created, err := s.upsert(ctx, s.meters, byID(id), newDoc("$setOnInsert", newMeter(birth, 1)))
		if created || err != nil {
			return err
		}
		left, err := findOne[meter](ctx, s.meters, byID(id), project("birth", "rev"))
		if err != nil && !errors.Is(err, licensing.ErrNotFound) {
			return err
		}
		// The meter is read before the license: if another node creates the license in between and it is used, the revision differs.
		if there, err := exists(ctx, s.licenses, byID(id)); err != nil {
			return err
		} else if there {
			return licensing.ErrExists
		}
		taken, err := s.updateOne(ctx, s.meters, append(byID(id, "rev", left.Rev), atBirth(left.Birth)),
			newDoc("$set", newMeter(birth, left.Rev+1)))
		if taken || err != nil {
			return err
		}
		if err := backOff(ctx, attempt); err != nil {
			return err
		}
	}
}

// License implements licensing.CatalogStore.
func (s *Store) License(ctx context.Context, org, id license.ID) (licensing.License, error) {
	d, err := findOne[licenseRecord](ctx, s.licenses, newDoc("_id", string(id), "org", string(org)))
	return d.record(), err
}

// Licenses implements licensing.CatalogStore.
func (s *Store) Licenses(ctx context.Context, org license.ID, f licensing.LicenseFilter,
	page licensing.Page) (licensing.Listing[licensing.License], error) {
	filter, err := s.licenseFilter(ctx, org, f)
	if err != nil {
		return licensing.Listing[licensing.License]{}, err
	}
	if f.NeverActivated {
		return s.neverActivated(ctx, filter, page)
	}
	return listSorted(ctx, s.licenses, filter, page, licenseRecord.record)
}

// UpdateLicense implements licensing.CatalogStore.
func (s *Store) UpdateLicense(ctx context.Context, l licensing.License) (licensing.License, error) {
	d := newLicenseRecord(l)
	before, err := findOne[licenseRecord](ctx, s.licenses, newDoc("_id", d.Meta.ID, "org", d.Meta.Org, "revision", l.Revision),
		project("entitlements", "narrowed"))
	if err != nil && !errors.Is(err, licensing.ErrNotFound) { // the update returns the reason for which there is none
		return l, err
	}
	d.Reduced = d.reducedEntitlements(before)
	err = s.replaceRecord(ctx, s.licenses, &d.Meta, &d)
	l.Revision++
	return l, err
}

// LicenseContext implements licensing.SyncStore. The documents are read one after the other, not at one instant. An Advance states the
// license's revision, so a context with an outdated license cannot be acted on.
func (s *Store) LicenseContext(ctx context.Context, id license.ID) (licensing.LicenseContext, error) {
	d, err := findOne[licenseRecord](ctx, s.licenses, newDoc("_id", string(id)))
	if err != nil {
		return licensing.LicenseContext{}, err
	}
	terms := licensing.LicenseContext{License: d.record()}
	if err := parallel(
		func() (err error) {
			terms.Version, err = s.Version(ctx, terms.License.Organisation, terms.License.Version)
			return err
		},
		func() (err error) { terms.Product, err = s.ProductWithKeys(ctx, terms.License.Product); return err },
	); err != nil {
		return licensing.LicenseContext{}, err
	}
	return terms, nil
}

// Meter implements licensing.SyncStore. It includes requests in progress; undoing one lowers it again.
func (s *Store) Meter(ctx context.Context, id license.ID) (licensing.Meter, error) {
	m, err := findOne[meter](ctx, s.meters, newDoc("_id", string(id)))
	return m.record(), err
}

// LastSync implements licensing.SyncStore. It searches all activations of the license: it is meant for people, not for syncs.
func (s *Store) LastSync(ctx context.Context, id license.ID) (lease.Time, error) {
	last, err := findAll[activation](ctx, s.activations, newDoc("license", string(id)), options.Find().SetProjection(newDoc("last_sync", 1)).
		SetSort(newDoc("last_sync", -1)).SetLimit(1))
	if err != nil || len(last) > 0 {
		return timeOf(append(last, activation{})[0].LastSync), err
	}
	there, err := exists(ctx, s.meters, newDoc("_id", string(id)))
	if err != nil || !there {
		return 0, orNotFound(err)
	}
	return 0, nil
}

// requireLicense returns ErrNotFound unless the license belongs to the organisation.
func (s *Store) requireLicense(ctx context.Context, org, id license.ID) error {
	there, err := exists(ctx, s.licenses, newDoc("_id", string(id), "org", string(org)))
	if err != nil || !there {
		return orNotFound(err)
	}
	return nil
}

func (d licenseRecord) position() (date, string) { return d.Meta.position() }

func (d licenseRecord) base() baseDocument { return d.Meta }
