package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

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
		w.installation(fmt.Sprint(n)).mustAdvance(t, activated, at(noon+lease.Time(n/2)), reserves("modeling", 5),
			reserves("rendering", licensing.Unlimited))
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
		l.Customer, l.Created, l.Updated = "", noon+lease.Time(n+1), noon+lease.Time(100-n/2) // two records each are equal in these
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
			first = seen[len(seen)-2] // the fixture's license is the oldest
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

// withFirst inserts the license that every fixture has into its place.
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
