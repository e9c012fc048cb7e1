package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
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

	silent := w.newProduct("CAM") // it has made no statement yet
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

	// A record that was not made, because its id is another's, leaves the name for the next.
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
	v.Policy.Interval, v.Policy.Prepaid, v.Policy.Statistics, v.Policy.CloneAction, v.Archived, v.Released = 5_000, 0, false, licensing.CloneRefuse, true, 0
	v, err = w.UpdateVersion(ctx, v)
	must(t, err)
	_, err = w.UpdateVersion(ctx, w.version)
	requireError(t, err, licensing.ErrStale)

	l := w.license
	l.Status, l.Archived, l.Allowance, l.Entitlements, l.Overrides = licensing.Suspended, false, 2000, []license.Entitlement{{Name: "one", Slots: 1}}, licensing.Overrides{}
	l.CustomerID, l.Trial, l.Term, l.Maintenance, l.RecentHistory = "", false, licensing.Term{}, noon+9, append(l.RecentHistory, licensing.HistoryEntry{Key: "4712"})
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
	must(t, err) // it is whole
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

// otherOrganisations asks for everything in another organisation's name.
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
	checkSeats(t, i.mustAdvance(t), "modeling") // nothing of it changed anything
}

// proves S08, S09, S10
func paginationAndSearch(t *testing.T, w *fixture) {
	for n := range 24 {
		l := w.newLicense(fmt.Sprintf("Seat %d_%%", n))
		if n%2 == 0 {
			l.Customer = "ÄRZTE GmbH"
		}
		must(t, w.CreateLicense(ctx, l))
	}
	var seen []string
	page := licensing.Page{Limit: 7}
	for {
		listing, err := w.Licenses(ctx, w.org, licensing.LicenseFilter{Version: w.version.ID}, page)
		must(t, err)
		for _, l := range listing.Items {
			seen = append(seen, l.Name)
		}
		if listing.Next == "" {
			break
		}
		if len(listing.Items) != 7 {
			t.Fatalf("a page of %d before the last", len(listing.Items))
		}
		page.After = listing.Next
	}
	if len(seen) != 25 || seen[0] != "Seat 23_%" || seen[24] != "first" {
		t.Fatalf("newest first: %v", seen)
	}
	for search, want := range map[string]int{"seat 1": 11, "SEAT 23": 1, "0_%": 3, "ärzte": 12, "nobody": 0, "%": 24} {
		listing, err := w.Licenses(ctx, w.org, licensing.LicenseFilter{Version: w.version.ID}, licensing.Page{Search: search})
		must(t, err)
		if len(listing.Items) != want {
			t.Errorf("%q: %d licenses, want %d", search, len(listing.Items), want)
		}
	}
	var wrong *licensing.Invalid
	for _, cursor := range []string{"!", "no cursor"} {
		if _, err := w.Products(ctx, w.org, licensing.Page{After: cursor}); !errors.As(err, &wrong) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
		if _, err := w.Reservations(ctx, w.org, w.license.ID, licensing.Page{After: cursor}); !errors.As(err, &wrong) {
			t.Errorf("reservations, cursor %q: %v", cursor, err)
		}
	}

	for n := range 5 {
		w.installation(fmt.Sprint(n)).mustAdvance(t, activated, at(noon+lease.Time(n/2)), reserves("modeling", 5), reserves("rendering", licensing.Unlimited))
	}
	held := map[licensing.Reservation]bool{}
	since := noon + 5
	for page := (licensing.Page{Limit: 3}); ; {
		listing, err := w.Reservations(ctx, w.org, w.license.ID, page)
		must(t, err)
		for _, r := range listing.Items {
			if held[r] || r.Since > since {
				t.Fatalf("twice, or out of order: %+v", r)
			}
			held[r], since = true, r.Since
		}
		if page.After = listing.Next; page.After == "" {
			break
		}
	}
	if len(held) != 10 {
		t.Errorf("%d reservations listed", len(held))
	}
	listing, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{Limit: 2})
	must(t, err)
	if len(listing.Items) != 2 || listing.Next == "" || listing.Items[0].Activation != w.installation("4").key.Activation {
		t.Errorf("activations: %+v", listing)
	}
}

// proves part of S08, part of S09, part of S10
func sortOrders(t *testing.T, w *fixture) {
	want := map[licensing.Sort][]string{}
	names := []string{"b", "A", "d", "C", "a b", "ä"}
	for n, name := range names {
		l := w.newLicense(name)
		l.Customer, l.Created, l.Updated = "", noon+lease.Time(n+1), noon+lease.Time(100-n/2) // two at a time are alike
		must(t, w.CreateLicense(ctx, l))
	}
	want[licensing.OldestFirst] = names
	want[licensing.ByName] = []string{"A", "a b", "b", "C", "d", "ä"}
	for sort, names := range want {
		for _, limit := range []int{1, 2, 200} {
			for _, down := range []bool{false, true} {
				page := licensing.Page{Sort: sort, Limit: limit}
				expected := slices.Clone(names)
				if down {
					page.Sort = "-" + sort
					slices.Reverse(expected)
				}
				requireDeepEqual(t, listNames(t, w, licensing.LicenseFilter{}, page), withFirst(expected, page.Sort))
			}
		}
	}
	for _, sort := range []licensing.Sort{licensing.ByUpdated, licensing.LeastRecentlyUpdated} {
		seen := listNames(t, w, licensing.LicenseFilter{}, licensing.Page{Sort: sort, Limit: 1})
		first := seen[0]
		if sort == licensing.LeastRecentlyUpdated {
			first = seen[len(seen)-2] // the license of the world is the oldest
			seen = seen[1:]
		}
		slices.Sort(seen)
		if len(slices.Compact(seen)) < len(names) || first != "b" && first != "A" {
			t.Errorf("%s: %v", sort, seen)
		}
	}
	listing, err := w.Licenses(ctx, w.org, licensing.LicenseFilter{}, licensing.Page{Sort: licensing.ByName, Limit: 1})
	must(t, err)
	for _, sort := range []licensing.Sort{licensing.ByNameDescending, licensing.ByUpdated, ""} {
		var wrong *licensing.Invalid
		if _, err := w.Licenses(ctx, w.org, licensing.LicenseFilter{}, licensing.Page{Sort: sort, After: listing.Next}); !errors.As(err, &wrong) {
			t.Errorf("a cursor of another order, by %q: %v", sort, err)
		}
	}
}

// withFirst puts the license that every world has into its place.
func withFirst(names []string, sort licensing.Sort) []string {
	all := slices.Clone(names)
	switch sort {
	case licensing.OldestFirst:
		return append([]string{"first"}, all...)
	case licensing.ByCreated:
		return append(all, "first")
	case licensing.ByName:
		return slices.Insert(all, 5, "first")
	}
	return slices.Insert(all, 1, "first")
}

func listNames(t *testing.T, w *fixture, f licensing.LicenseFilter, page licensing.Page) (names []string) {
	for {
		listing, err := w.Licenses(ctx, w.org, f, page)
		must(t, err)
		for _, l := range listing.Items {
			names = append(names, l.Name)
		}
		if page.After = listing.Next; page.After == "" {
			return names
		}
	}
}

// proves part of S10
func licenseFilters(t *testing.T, w *fixture) {
	calls := w.newVersion("calls")
	calls.Policy.Type = lease.Calls
	must(t, w.CreateVersion(ctx, calls))
	for name, change := range map[string]func(*licensing.License){
		"suspended": func(l *licensing.License) { l.Status = licensing.Suspended },
		"archived":  func(l *licensing.License) { l.Archived = true },
		"hooli":     func(l *licensing.License) { l.Customer = "Hooli" },
		"early":     func(l *licensing.License) { l.Expires = noon - 100 },
		"late":      func(l *licensing.License) { l.Expires = noon + 500 },
		"never":     func(l *licensing.License) { l.Expires = 0 },
		"calls":     func(l *licensing.License) { l.Version = calls.ID },
	} {
		l := w.newLicense(name)
		l.Expires, l.Archived = noon+1000, false
		change(&l)
		must(t, w.CreateLicense(ctx, l))
	}
	i := w.installation("a")
	i.mustAdvance(t, activated) // of the first license
	all := []string{"archived", "calls", "early", "first", "hooli", "late", "never", "suspended"}
	without := func(names ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(names, n) })
	}
	for name, c := range map[string]struct {
		filter licensing.LicenseFilter
		want   []string
	}{
		"none":            {licensing.LicenseFilter{}, all},
		"product":         {licensing.LicenseFilter{Product: w.product.ID}, all},
		"another product": {licensing.LicenseFilter{Product: newID()}, nil},
		"version":         {licensing.LicenseFilter{Version: calls.ID}, []string{"calls"}},
		"status":          {licensing.LicenseFilter{Status: licensing.Suspended}, []string{"suspended"}},
		"customer":        {licensing.LicenseFilter{Customer: "Hooli"}, []string{"hooli"}},
		"type":            {licensing.LicenseFilter{Type: lease.Calls}, []string{"calls"}},
		"type, version":   {licensing.LicenseFilter{Type: lease.Calls, Version: w.version.ID}, nil},
		"expired":         {licensing.LicenseFilter{ExpiresUntil: noon - 99}, []string{"early"}},
		"expiring":        {licensing.LicenseFilter{ExpiresFrom: noon + 500, ExpiresUntil: noon + 501}, []string{"late"}},
		"never activated": {licensing.LicenseFilter{NeverActivated: true}, without("first")},
		"both":            {licensing.LicenseFilter{NeverActivated: true, Status: licensing.Active}, without("first", "suspended")},
	} {
		for _, limit := range []int{1, 3, 200} {
			got := listNames(t, w, c.filter, licensing.Page{Sort: licensing.ByName, Limit: limit})
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, %d at a time: %v, want %v", name, limit, got, c.want)
			}
		}
	}
	for _, archived := range []bool{true, false} {
		listing, err := w.Versions(ctx, w.org, w.product.ID, licensing.Page{Archived: &archived})
		must(t, err)
		requireDeepEqual(t, len(listing.Items), map[bool]int{true: 0, false: 2}[archived])
		for _, f := range []licensing.LicenseFilter{{}, {NeverActivated: true}} {
			want := map[bool][]string{true: {"archived", "first"}, false: without("archived", "first")}[archived]
			if f.NeverActivated && archived {
				want = []string{"archived"}
			}
			if got := listNames(t, w, f, licensing.Page{Sort: licensing.ByName, Limit: 3, Archived: &archived}); !slices.Equal(got, want) {
				t.Errorf("archived is %v: %v, want %v", archived, got, want)
			}
		}
	}
}

func emptyLists(t *testing.T, w *fixture) {
	a, err := w.Activations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	r, err := w.Reservations(ctx, w.org, w.license.ID, licensing.Page{})
	must(t, err)
	if a.Items == nil || r.Items == nil || len(a.Items)+len(r.Items) != 0 || a.Next+r.Next != "" {
		t.Errorf("%+v %+v", a, r)
	}
}

// concurrentEdits: of many edits made from one revision one wins.
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
