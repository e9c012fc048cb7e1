//go:build mongo

package mongo

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// The cost of advances with 32 concurrent installations. The figures depend on the server as much as on the store.

func BenchmarkSyncWithUsage(b *testing.B) {
	benchmark(b, func(a *licensing.Advance) { a.Counted = a.To.Number })
}

func BenchmarkReserveAndRelease(b *testing.B) {
	benchmark(b, func(a *licensing.Advance) {
		if a.To.Number%2 == 1 {
			a.Reserve = []licensing.ReservationRequest{{Slot: lease.Slot{Entitlement: "seat", Context: "ui"}, Slots: 10_000, Until: a.Until}}
		} else {
			a.Release = []string{"seat"}
		}
	})
}

func benchmark(b *testing.B, request func(*licensing.Advance)) {
	ctx := b.Context()
	s, err := Open(ctx, newDatabase(b)) // not monitored: that would cost more than what is measured
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	m := func(id license.ID) licensing.Record {
		return licensing.Record{ID: id, Organisation: "org", Revision: 1}
	}
	for _, err := range []error{
		s.CreateOrganisation(ctx, licensing.Organisation{ID: "org"}),
		s.CreateProduct(ctx, licensing.Product{Record: m("product")}),
		s.CreateVersion(ctx, licensing.Version{Record: m("version"), Product: "product"}),
		s.CreateLicense(ctx, licensing.License{Record: m("license"), Product: "product", Version: "version"}),
	} {
		if err != nil {
			b.Fatal(err)
		}
	}
	var clients atomic.Int64
	b.SetParallelism(16) // times GOMAXPROCS
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		name := fmt.Sprint(clients.Add(1))
		var head lease.Position
		for number := int64(1); pb.Next(); number++ {
			hash := lease.HashOf(fmt.Appendf(nil, "%s %d", name, number))
			a := licensing.Advance{Key: licensing.ActivationKey{License: "license", Activation: lease.HashOf([]byte(name))}, Org: "org", From: head,
				To: lease.Position{Generation: 1, Number: number, Link: hash}, Request: hash, Device: name, Revision: 1, Now: 1000, Until: 1 << 40,
				UsageCharge: licensing.UsageCharge{Allowance: licensing.Unlimited},
				Lease:       func(licensing.Outcome) (lease.Document, error) { return make(lease.Document, 1000), nil }}
			if number == 1 {
				a.NewActivation = &licensing.ActivationLimits{Limit: 1 << 40, Window: 1000, MaxMachines: licensing.Unlimited,
					TransferLimit: licensing.Unlimited}
			}
			request(&a)
			if _, err := s.Advance(ctx, a); err != nil {
				b.Error(err)
				return
			}
			head = a.To
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "advances/s")
}
