package storetest

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

func unmarshal(document []byte, v any) error { return json.Unmarshal(document, v) }

func requireDeepEqual(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// proves S08, S09, S10
func catalogueRoundTrip(t *testing.T, w *fixture) {
	requireAllFieldsSet(t, w.version.Policy, w.license, w.license.Term, w.license.RecentHistory[0], w.license.Holds[0], w.license.Overrides)
	o, err := w.Organisation(ctx, w.org)
	must(t, err)
	requireDeepEqual(t, o, licensing.Organisation{ID: w.org, Name: "Example", Created: noon})
	p, err := w.Product(ctx, w.org, w.product.ID)
	must(t, err)
	requireDeepEqual(t, p, w.product)
	v, err := w.Version(ctx, w.org, w.version.ID)
	must(t, err)
	requireDeepEqual(t, v, w.version)
	l, err := w.License(ctx, w.org, w.license.ID)
	must(t, err)
	requireDeepEqual(t, l, w.license)

	keyring, err := w.ProductKeyring(ctx, w.product.ID)
	must(t, err)
	requireDeepEqual(t, keyring, w.product.Keyring)
	p, err = w.ProductWithKeys(ctx, w.product.ID)
	must(t, err)
	requireDeepEqual(t, p, w.product)
	terms, err := w.LicenseContext(ctx, w.license.ID)
	must(t, err)
	requireDeepEqual(t, terms, licensing.LicenseContext{License: w.license, Version: w.version, Product: w.product})
	must(t, w.Ready(ctx))

	silent := w.newProduct("CAM") // no statement yet
	silent.Statement = nil
	must(t, w.CreateProduct(ctx, silent))
	p, err = w.Product(ctx, w.org, silent.ID)
	must(t, err)
	requireDeepEqual(t, len(p.Statement), 0)
}

// proves S08, S09
func uniqueNamesPerParent(t *testing.T, w *fixture) {
	requireError(t, w.CreateProduct(ctx, w.newProduct("CAD")), licensing.ErrExists)
	requireError(t, w.CreateVersion(ctx, w.newVersion("1.0")), licensing.ErrExists)

	other := w.newProduct("CAM")
	must(t, w.CreateProduct(ctx, other))
	v := w.newVersion("1.0")
	v.Product = other.ID
	must(t, w.CreateVersion(ctx, v)) // unique within its product only
	other.Name = "CAD"
	_, err := w.UpdateProduct(ctx, other)
	requireError(t, err, licensing.ErrExists)

	org := newID()
	must(t, w.CreateOrganisation(ctx, licensing.Organisation{ID: org, Name: "Example", Created: noon}))
	p := w.newProduct("CAD")
	p.Organisation = org
	must(t, w.CreateProduct(ctx, p)) // and within its organisation
	requireError(t, w.CreateProduct(ctx, p), licensing.ErrExists)

	// A record that was not created, because its id is taken, leaves its name to the next one.
	p.Name, v.Name = "free", "free"
	requireError(t, w.CreateProduct(ctx, p), licensing.ErrExists)
	requireError(t, w.CreateVersion(ctx, v), licensing.ErrExists)
	p.ID, v.ID = newID(), newID()
	must(t, w.CreateProduct(ctx, p))
	must(t, w.CreateVersion(ctx, v))
	again := p
	again.ID = newID()
	requireError(t, w.CreateProduct(ctx, again), licensing.ErrExists)
	requireError(t, w.CreateProduct(ctx, p), licensing.ErrExists)
	requireError(t, w.CreateProduct(ctx, again), licensing.ErrExists)
}

// proves S08, S09, S10, S21
func editsNeedRevision(t *testing.T, w *fixture) {
	p := w.product
	p.Name, p.Archived, p.Updated, p.Metadata = "CAD 2", true, noon+5, map[string]string{}
	p.Keyring, p.SealedKeys, p.Statement = []byte("another certificate"), []byte{7}, []byte("the next statement")
	p, err := w.UpdateProduct(ctx, p)
	must(t, err)
	requireDeepEqual(t, p.Revision, int64(2))
	_, err = w.UpdateProduct(ctx, w.product)
	requireError(t, err, licensing.ErrStale)

	v := w.version
	v.Policy.Interval, v.Policy.Prepaid, v.Policy.Statistics, v.Policy.CloneAction, v.Archived, v.Released = 5_000, 0, false,
		licensing.CloneRefuse, true, 0
	v, err = w.UpdateVersion(ctx, v)
	must(t, err)
	_, err = w.UpdateVersion(ctx, w.version)
	requireError(t, err, licensing.ErrStale)

	l := w.license
	l.Status, l.Archived, l.Allowance, l.Entitlements, l.Overrides = licensing.Suspended, false, 2000, []license.Entitlement{{Name: "one",
		Slots: 1}}, licensing.Overrides{}
	l.CustomerID, l.Trial, l.Term, l.Maintenance, l.RecentHistory = "", false, licensing.Term{}, noon+9, append(l.RecentHistory,
		licensing.HistoryEntry{Key: "4712"})
	l, err = w.UpdateLicense(ctx, l)
	must(t, err)
	_, err = w.UpdateLicense(ctx, w.license)
	requireError(t, err, licensing.ErrStale)

	terms, err := w.LicenseContext(ctx, w.license.ID) // the edits are seen at once
	must(t, err)
	requireDeepEqual(t, terms, licensing.LicenseContext{License: l, Version: v, Product: p})

	l.ID = newID()
	_, err = w.UpdateLicense(ctx, l)
	requireError(t, err, licensing.ErrNotFound)
}

// proves S11
func parentsWithChildren(t *testing.T, w *fixture) {
	requireError(t, w.DeleteProduct(ctx, w.org, w.product.ID, 0), licensing.ErrInUse)
	requireError(t, w.DeleteVersion(ctx, w.org, w.version.ID, 0), licensing.ErrInUse)
	stray := w.newProduct("stray")
	stray.Organisation = newID()
	requireError(t, w.CreateProduct(ctx, stray), licensing.ErrNotFound)
	orphan := w.newVersion("2.0")
	orphan.Product = newID()
	requireError(t, w.CreateVersion(ctx, orphan), licensing.ErrNotFound)
	lost := w.newLicense("lost")
	lost.Version = newID()
	requireError(t, w.CreateLicense(ctx, lost), licensing.ErrNotFound)

	l, err := w.UpdateLicense(ctx, w.license)
	must(t, err)
	requireError(t, w.DeleteLicense(ctx, w.org, l.ID, 1), licensing.ErrStale)
	_, err = w.License(ctx, w.org, l.ID)
	must(t, err) // it is complete
	must(t, w.DeleteLicense(ctx, w.org, l.ID, l.Revision))
	requireError(t, w.DeleteVersion(ctx, w.org, w.version.ID, 7), licensing.ErrStale)
	must(t, w.DeleteVersion(ctx, w.org, w.version.ID, 1))
	requireError(t, w.DeleteProduct(ctx, w.org, w.product.ID, 7), licensing.ErrStale)
	must(t, w.DeleteProduct(ctx, w.org, w.product.ID, 0))
	requireError(t, w.DeleteProduct(ctx, w.org, w.product.ID, 0), licensing.ErrNotFound)
	_, err = w.ProductKeyring(ctx, w.product.ID)
	requireError(t, err, licensing.ErrNotFound)
}

// proves S11
func deletedLicense(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated, reserves("modeling", 5), counted(3, 10))
	must(t, w.DeleteLicense(ctx, w.org, w.license.ID, 0))
	_, err := i.tryAdvance()
	requireError(t, err, licensing.ErrNotFound)
	_, err = w.LicenseContext(ctx, w.license.ID)
	requireError(t, err, licensing.ErrNotFound)
	_, err = w.Meter(ctx, w.license.ID)
	requireError(t, err, licensing.ErrNotFound)
	_, err = w.Activation(ctx, i.key)
	requireError(t, err, licensing.ErrNotFound)
	requireError(t, w.DeleteLicense(ctx, w.org, w.license.ID, 0), licensing.ErrNotFound)
}

// otherOrganisations requests every record in the name of another organisation.
func otherOrganisations(t *testing.T, w *fixture) {
	i := w.installation("a")
	i.mustAdvance(t, activated, reserves("modeling", 5))
	other := newID()
	must(t, w.CreateOrganisation(ctx, licensing.Organisation{ID: other, Name: "Other", Created: noon}))
	p, v, l := w.product, w.version, w.license
	p.Organisation, v.Organisation, l.Organisation = other, other, other
	newVersion, newLicense := w.newVersion("x"), w.newLicense("x")
	newVersion.Organisation, newLicense.Organisation = other, other
	asked := map[string]func() error{
		"product":          func() error { _, err := w.Product(ctx, other, p.ID); return err },
		"update product":   func() error { _, err := w.UpdateProduct(ctx, p); return err },
		"delete product":   func() error { return w.DeleteProduct(ctx, other, p.ID, 0) },
		"version":          func() error { _, err := w.Version(ctx, other, v.ID); return err },
		"create version":   func() error { return w.CreateVersion(ctx, newVersion) },
		"update version":   func() error { _, err := w.UpdateVersion(ctx, v); return err },
		"delete version":   func() error { return w.DeleteVersion(ctx, other, v.ID, 0) },
		"license":          func() error { _, err := w.License(ctx, other, l.ID); return err },
		"create license":   func() error { return w.CreateLicense(ctx, newLicense) },
		"update license":   func() error { _, err := w.UpdateLicense(ctx, l); return err },
		"delete license":   func() error { return w.DeleteLicense(ctx, other, l.ID, 0) },
		"activations":      func() error { _, err := w.Activations(ctx, other, l.ID, licensing.Page{}); return err },
		"reservations":     func() error { _, err := w.Reservations(ctx, other, l.ID, licensing.Page{}); return err },
		"name":             func() error { return w.NameActivation(ctx, other, i.key, "theirs") },
		"deactivate":       func() error { return w.Deactivate(ctx, other, i.key, noon) },
		"free reservation": func() error { return w.FreeReservation(ctx, other, i.key, "modeling", noon) },
	}
	for name, ask := range asked {
		if err := ask(); !errors.Is(err, licensing.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	products, err := w.Products(ctx, other, licensing.Page{})
	must(t, err)
	versions, err := w.Versions(ctx, other, p.ID, licensing.Page{})
	must(t, err)
	licenses, err := w.Licenses(ctx, other, licensing.LicenseFilter{}, licensing.Page{})
	must(t, err)
	if n := len(products.Items) + len(versions.Items) + len(licenses.Items); n != 0 {
		t.Errorf("%d records listed", n)
	}
	checkSeats(t, i.mustAdvance(t), "modeling") // no request of it changed anything
}

// concurrentEdits: of many edits made from one revision one succeeds.
func concurrentEdits(t *testing.T, w *fixture) {
	stale := func(err error) bool { return errors.Is(err, licensing.ErrStale) }
	if n := runConcurrently(t, func(int) error { _, err := w.UpdateLicense(ctx, w.license); return err }, stale); n != 1 {
		t.Errorf("%d edits of one revision", n)
	}
	exists := func(err error) bool { return errors.Is(err, licensing.ErrExists) }
	if n := runConcurrently(t, func(int) error { return w.CreateProduct(ctx, w.newProduct("one")) }, exists); n != 1 {
		t.Errorf("%d products of one name", n)
	}
}
