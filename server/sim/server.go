package sim

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/services"
	"github.com/onelicense/onelicense/server/store/memory"
)

// LicenseTerms are the terms of the world's only license.
type LicenseTerms struct {
	Policy    licensing.Policy
	Allowance int64
	Expires   lease.Time
	Slots     int // of modeling; rendering has no limit

	Issuer licensing.Issuer // nil: the world's own
}

// The entitlements and contexts of the license.
const (
	modeling  = "modeling"
	rendering = "rendering"
	ui        = "ui"
	batch     = "batch"
)

// Server is the vendor's server: the domain over a store in memory that can be rolled back.
type Server struct {
	w       *World
	store   *memory.Store
	domain  *services.Services
	issuer  licensing.Issuer
	Org     license.ID
	Product licensing.Product
	Version licensing.Version
	License licensing.License

	Down bool
	Skew int64       // ms by which the clocks of its nodes may be wrong
	keys certificate // the newest keys, as the vendor has them
	// undetectedRollback: the records were rolled back and no program has shown that yet. What is granted meanwhile may be granted twice;
	// nothing can prevent that, and so it does not count as a fault.
	undetectedRollback bool
	epoch              int64
	healingUntil       lease.Time // until then the rollback is being detected
	rollbacks          int
	lost               int64 // calls of ended activations that a rollback has cost: nothing proves them any more
	highest            int64 // most calls that were ever charged
}

func newServer(w *World, terms LicenseTerms) *Server {
	s := &Server{w: w, store: memory.New(), issuer: terms.Issuer}
	if s.issuer == nil {
		s.issuer = fakeIssuer{root: "acme"}
	}
	s.restart()
	org, err := s.domain.Catalogue.CreateOrganisation(ctx, "Acme")
	check(err)
	s.Org = org.ID
	meta := licensing.Record{Organisation: s.Org}
	s.Product, err = s.domain.Catalogue.CreateProduct(ctx, licensing.Product{Record: meta, Name: "CAD"})
	check(err)
	s.Version, err = s.domain.Catalogue.CreateVersion(ctx,
		licensing.Version{Record: meta, Product: s.Product.ID, Name: "1", Policy: terms.Policy})
	check(err)
	s.License, err = s.domain.Catalogue.CreateLicense(ctx, licensing.License{
		Record: meta, Version: s.Version.ID, Contexts: []string{ui, batch}, Allowance: terms.Allowance, Expires: terms.Expires,
		Entitlements: []license.Entitlement{{Name: modeling, Slots: terms.Slots}, {Name: rendering}},
	})
	check(err)
	return s
}

var ctx = context.Background()

// check panics on errors that cannot happen in a world without real disks.
func check(err error) {
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err))
	}
}

// restart makes a new process over the same records.
func (s *Server) restart() {
	s.domain = services.New(s.store, s.issuer, services.Options{
		Clock: s.w.clock, Random: randomness{s.w}, Epoch: 1, Secret: []byte("the challenges' secret, 32 bytes"),
	})
}

type randomness struct{ w *World }

func (r randomness) Read(p []byte) (int, error) { return copy(p, r.w.bytes(len(p))), nil }

// respond returns the HTTP status and body of the server's answer.
func (s *Server) respond(body string) (status int, text string) {
	if s.Down {
		return 503, `{"code":"store_unavailable","title":"down"}`
	}
	if s.Skew > 0 {
		s.w.ahead = lease.Time(s.w.between(-s.Skew, s.Skew))
		defer func() { s.w.ahead = 0 }()
	}
	a, err := s.domain.Leasing.Sync(ctx, []byte(body), "192.0.2.1")
	if e := (*license.Error)(nil); errors.As(err, &e) {
		return 400, `{"code":"` + string(e.Code) + `","title":"refused"}`
	}
	check(err)
	s.checkPromises()
	if a.Refused != "" {
		return 403, string(a.Body)
	}
	return 200, string(a.Body)
}

// checkPromises checks what the server promises about itself.
func (s *Server) checkPromises() {
	epoch, err := s.store.Epoch(ctx, 1)
	check(err)
	if epoch.Value > s.epoch {
		s.epoch, s.undetectedRollback = epoch.Value, false
	}
	used := s.Used()
	s.highest = max(s.highest, used)
}

// Used returns how many calls were charged.
func (s *Server) Used() int64 {
	meter, err := s.store.Meter(ctx, s.License.ID)
	check(err)
	return meter.Used
}

// Activation returns the server's record of an activation.
func (s *Server) Activation(id lease.Hash) (licensing.Activation, bool) {
	a, err := s.store.Activation(ctx, licensing.ActivationKey{License: s.License.ID, Activation: id})
	return a, err == nil
}

// Snapshot returns a copy of the records.
func (s *Server) Snapshot() *memory.Store { return s.store.Copy() }

// RollBack replaces the records by older ones. If told, the restore follows the manual and begins a new epoch; otherwise nobody knows of
// it.
func (s *Server) RollBack(to *memory.Store, told bool) {
	s.w.note("the server is rolled back, told: %v", told)
	before := s.counted()
	s.store = to.Copy()
	s.restart()
	s.rollbacks++
	after := s.counted()
	for _, m := range s.w.Machines { // these can still prove what they have reported
		delete(before, m.activation)
	}
	for id, n := range before {
		s.lost += n - after[id]
	}
	s.reread()
	if told {
		s.KeepKeys()
		_, err := s.domain.Leasing.RaiseEpoch(ctx)
		check(err)
	} else {
		s.undetectedRollback = true
	}
	s.healingUntil = s.w.now + lease.Time(s.longest())
}

// counted returns what each activation has reported.
func (s *Server) counted() map[lease.Hash]int64 {
	all := map[lease.Hash]int64{}
	for page := (licensing.Page{Limit: 200}); ; {
		l, err := s.domain.Leasing.Activations(ctx, s.Org, s.License.ID, page)
		check(err)
		for _, a := range l.Items {
			all[a.Activation] = a.Counted
		}
		if page.After = l.Next; page.After == "" {
			return all
		}
	}
}

// longest returns how long the longest lease lasts, in ms.
func (s *Server) longest() int64 {
	p := s.Version.Policy
	return max(2*p.Interval+p.Grace, p.MaxBorrow)
}

func (s *Server) reread() {
	var err error
	s.License, err = s.domain.Catalogue.License(ctx, s.Org, s.License.ID)
	check(err)
	s.Version, err = s.domain.Catalogue.Version(ctx, s.Org, s.Version.ID)
	check(err)
	s.Product, err = s.domain.Catalogue.Product(ctx, s.Org, s.Product.ID)
	check(err)
}

// Edit changes the license.
func (s *Server) Edit(change func(*licensing.License)) {
	change(&s.License)
	var err error
	s.License, err = s.domain.Catalogue.UpdateLicense(ctx, s.License)
	check(err)
}

// EditPolicy changes the version's policy.
func (s *Server) EditPolicy(change func(*licensing.Policy)) {
	change(&s.Version.Policy)
	var err error
	s.Version, err = s.domain.Catalogue.UpdateVersion(ctx, s.Version)
	check(err)
}

// Rotate gives the product another signing key.
func (s *Server) Rotate(name string, compromised bool) {
	keys, err := parse(s.Product.Keyring)
	check(err)
	s.setKeys(keys.(certificate).rotated(name, compromised))
	if len(s.Product.Statement) > 0 {
		s.Publish(func(*lease.Statement) {}) // again, by a key that is good
	}
}

// KeepKeys follows the manual for a restore: the keys that the vendor has elsewhere are restored, and revocations with them.
func (s *Server) KeepKeys() {
	if s.keys.RootName == "" {
		return
	}
	here, err := parse(s.Product.Keyring)
	check(err)
	all, _, err := s.keys.Merge(here)
	check(err)
	s.setKeys(all.(certificate))
	if len(s.Product.Statement) > 0 {
		s.Publish(func(*lease.Statement) {})
	}
}

func (s *Server) setKeys(keys certificate) {
	if s.keys.RootName == "" {
		s.keys = keys
	}
	all, _, err := keys.Merge(s.keys)
	check(err)
	s.keys = all.(certificate)
	b := keys.encode()
	s.Product.Keyring, s.Product.SealedKeys = b, b
	s.Product, err = s.store.UpdateProduct(ctx, s.Product)
	check(err)
}

// Publish makes the product's next statement.
func (s *Server) Publish(change func(*lease.Statement)) {
	var err error
	s.Product, err = s.domain.Keys.UpdateStatement(ctx, s.Org, s.Product.ID, change)
	check(err)
}
