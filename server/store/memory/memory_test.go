package memory_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) licensing.Store { return memory.New() })
}

const (
	org     license.ID = "0000000000000000000000aa"
	product license.ID = "0000000000000000000000bb"
	version license.ID = "0000000000000000000000cc"
	sold    license.ID = "0000000000000000000000dd"
)

var key = licensing.ActivationKey{License: sold, Activation: lease.OriginLink}

// newStoreWithLicense returns a store with one license that one installation uses.
func newStoreWithLicense(t testing.TB) *memory.Store {
	t.Helper()
	s, ctx := memory.New(), t.Context()
	meta := func(id license.ID) licensing.Record { return licensing.Record{ID: id, Organisation: org, Revision: 1} }
	_, epoch := s.Epoch(ctx, 1)
	if err := errors.Join(epoch,
		s.CreateOrganisation(ctx, licensing.Organisation{ID: org}),
		s.CreateProduct(ctx, licensing.Product{Record: meta(product), Name: "CAD"}),
		s.CreateVersion(ctx, licensing.Version{Record: meta(version), Product: product}),
		s.CreateLicense(ctx, licensing.License{Record: meta(sold), Product: product, Version: version}),
		s.CreateProduct(ctx, licensing.Product{Record: meta("0000000000000000000000ff"), Name: "CAE"}),
	); err != nil {
		t.Fatal(err)
	}
	advance(t, s, 1)
	return s
}

// advance makes the installation's nth request: by then it has made n calls, and it holds a seat.
func advance(t testing.TB, s *memory.Store, n int64) {
	t.Helper()
	at := func(n int64) lease.Position {
		if n == 0 {
			return lease.Position{}
		}
		return lease.Position{Generation: 1, Number: n, Link: lease.OriginLink}
	}
	a := licensing.Advance{
		Key: key, Org: org, From: at(n - 1), To: at(n), Request: lease.OriginLink, Revision: 1, Now: lease.Time(n), Until: lease.Time(n + 10),
		UsageCharge: licensing.UsageCharge{Counted: n, Allowance: licensing.Unlimited},
		Reserve: []licensing.ReservationRequest{{Slot: lease.Slot{Entitlement: "modeling", Context: "ui"}, Slots: 1,
			Until: lease.Time(n + 10)}},
		Lease: func(licensing.Outcome) (lease.Document, error) { return lease.Document("a lease"), nil },
	}
	if n == 1 {
		a.NewActivation = &licensing.ActivationLimits{Limit: 1, Window: 1, MaxMachines: licensing.Unlimited, TransferLimit: licensing.Unlimited}
	}
	if _, err := s.Advance(context.Background(), a); err != nil {
		t.Fatal(err)
	}
}

// records returns all records that the store has for the license.
func records(t *testing.T, s *memory.Store) []any {
	t.Helper()
	ctx := t.Context()
	terms, err := s.LicenseContext(ctx, sold)
	meter, err2 := s.Meter(ctx, sold)
	activations, err3 := s.Activations(ctx, org, sold, licensing.Page{})
	seats, err4 := s.Reservations(ctx, org, sold, licensing.Page{})
	products, err5 := s.Products(ctx, org, licensing.Page{})
	epoch, err6 := s.Epoch(ctx, 99)
	if err := errors.Join(err, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	return []any{terms, meter, activations, seats, products, epoch}
}

// changeEverything changes each of the records that records returns.
func changeEverything(t *testing.T, s *memory.Store) {
	t.Helper()
	ctx := t.Context()
	terms, err := s.LicenseContext(ctx, sold)
	_, err2 := s.UpdateProduct(ctx, terms.Product)
	_, err3 := s.UpdateVersion(ctx, terms.Version)
	_, err4 := s.RaiseEpoch(ctx, 5, 7)
	err5 := s.FreeReservation(ctx, org, key, "modeling", 2)
	advance(t, s, 2)
	more := terms.Product
	more.ID, more.Name = "0000000000000000000000ee", "CAM"
	_, err6 := s.UpdateLicense(ctx, terms.License)
	if err := errors.Join(err, err2, err3, err4, err5, s.CreateProduct(ctx, more), err6); err != nil {
		t.Fatal(err)
	}
}

func TestCopyIsIndependent(t *testing.T) {
	t.Parallel()
	for name, pick := range map[string]func(original, copied *memory.Store) (changed, left *memory.Store){
		"the original goes on": func(o, c *memory.Store) (*memory.Store, *memory.Store) { return o, c },
		"the copy goes on":     func(o, c *memory.Store) (*memory.Store, *memory.Store) { return c, o },
	} {
		t.Run(name, func(t *testing.T) {
			original := newStoreWithLicense(t)
			copied := original.Copy()
			changed, left := pick(original, copied)
			before := records(t, original)
			if got := records(t, copied); !reflect.DeepEqual(got, before) {
				t.Fatalf("copied  %+v\nwas     %+v", got, before)
			}
			changeEverything(t, changed)
			if products, err := changed.Products(t.Context(), org, licensing.Page{}); err != nil || products.Items[0].Name != "CAM" {
				t.Errorf("newest first: %+v %v", products, err)
			}
			if got := records(t, left); !reflect.DeepEqual(got, before) {
				t.Fatalf("left    %+v\nwas     %+v", got, before)
			}
			for n, part := range records(t, changed) {
				if reflect.DeepEqual(part, before[n]) {
					t.Errorf("nothing has changed in %+v", part)
				}
			}
			advance(t, left, 2) // the store that was not changed goes on from where it was
		})
	}
}

func BenchmarkAdvance(b *testing.B) {
	s := newStoreWithLicense(b)
	b.ReportAllocs()
	for n := int64(2); b.Loop(); n++ {
		advance(b, s, n)
	}
}

func BenchmarkCopy(b *testing.B) {
	s := newStoreWithLicense(b)
	b.ReportAllocs()
	for b.Loop() {
		s.Copy()
	}
}
