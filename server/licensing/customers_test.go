package licensing_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/catalogue"
)

func (s *server) customer(t *testing.T, name, reference string) catalogue.Customer {
	t.Helper()
	c, err := s.CreateCustomer(t.Context(), catalogue.Customer{Record: s.meta(), Name: name, Email: name + "@example.com",
		Reference: reference})
	must(t, err)
	return c
}

// licenseFor creates another license of the version for a customer.
func (s *server) licenseFor(t *testing.T, id license.ID, change ...func(*licensing.License)) (licensing.License, error) {
	t.Helper()
	l := licensing.License{Record: s.meta(), Version: s.version.ID, CustomerID: id, Contexts: []string{"ui"}, Allowance: 1,
		Expires:      ms(startTime) + aDay,
		Entitlements: []license.Entitlement{{Name: "modeling"}}}
	for _, f := range change {
		f(&l)
	}
	return s.CreateLicense(t.Context(), l)
}

func TestCustomersOfLicenses(t *testing.T) {
	s := newServer(t)
	ada := s.customer(t, "Ada", "K1")
	l, err := s.licenseFor(t, ada.ID)
	must(t, err)
	equal(t, "name", l.Customer, "Ada")
	if err := s.DeleteCustomer(t.Context(), s.org, ada.ID, 0); !errors.Is(err, licensing.ErrInUse) {
		t.Errorf("deleted with a license: %v", err)
	}
	bob := s.customer(t, "Bob", "")
	l, err = s.Transfer(t.Context(), s.org, l.ID, catalogue.Transfer{CustomerID: bob.ID})
	must(t, err)
	equal(t, "transferred", l.Customer, "Bob")
	history, err := s.History(t.Context(), s.org, l.ID, licensing.Page{})
	must(t, err)
	if e := history.Items[0]; e.From != "Ada" || e.To != "Bob" || e.FromID != ada.ID || e.ToID != bob.ID {
		t.Errorf("%+v", e)
	}
	must(t, s.DeleteCustomer(t.Context(), s.org, ada.ID, 0))
	var wrong *licensing.Invalid
	if _, err := s.licenseFor(t, ada.ID); !errors.As(err, &wrong) || wrong.Field != "customer_id" {
		t.Errorf("a license of nobody: %v", err)
	}
	l.CustomerID = ada.ID
	if _, err := s.UpdateLicense(t.Context(), l); !errors.As(err, &wrong) {
		t.Errorf("a license given to nobody: %v", err)
	}
	if _, err := s.Transfer(t.Context(), s.org, l.ID, catalogue.Transfer{CustomerID: ada.ID}); !errors.As(err, &wrong) {
		t.Errorf("a license transferred to nobody: %v", err)
	}
}

func TestReferencesAreUnique(t *testing.T) {
	s := newServer(t)
	ada := s.customer(t, "Ada", "K1")
	taken := catalogue.Customer{Record: s.meta(), Name: "Bob", Reference: "K1"}
	if _, err := s.CreateCustomer(t.Context(), taken); !errors.Is(err, licensing.ErrExists) {
		t.Errorf("%v", err)
	}
	bob := s.customer(t, "Bob", "K2")
	bob.Reference = "K1"
	if _, err := s.UpdateCustomer(t.Context(), bob); !errors.Is(err, licensing.ErrExists) {
		t.Errorf("%v", err)
	}
	ada.Reference = "K9"
	ada, err := s.UpdateCustomer(t.Context(), ada)
	must(t, err)
	bob, err = s.UpdateCustomer(t.Context(), bob) // it is free by now
	must(t, err)
	must(t, s.DeleteCustomer(t.Context(), s.org, bob.ID, bob.Revision))
	s.customer(t, "Cid", "K1")
	s.customer(t, "Dan", "K2")
	if _, err := s.UpdateCustomer(t.Context(), catalogue.Customer{Record: licensing.Record{ID: ada.ID, Organisation: s.org, Revision: 1},
		Name: "Ada"}); !errors.Is(err, licensing.ErrStale) {
		t.Errorf("an old edit: %v", err)
	}

	// A claim that a crash has left behind is taken over after the grace.
	must(t, s.store.CreateEntry(t.Context(), licensing.Entry{Kind: "customer_reference",
		ID: string(s.org) + ":" + string(lease.HashOf([]byte("lost"))), Org: s.org, Created: ms(startTime), Body: []byte(ada.ID)}))
	if _, err := s.CreateCustomer(t.Context(), catalogue.Customer{Record: s.meta(), Name: "Eve", Reference: "lost"}); !errors.Is(err,
		licensing.ErrExists) {
		t.Errorf("%v", err)
	}
	s.wait(time.Minute)
	s.customer(t, "Eve", "lost")
}

// Of a deletion of a customer and a concurrent creation of a license for it, one succeeds.
func TestDeleteCustomerDuringCreateLicense(t *testing.T) {
	s := newServer(t)
	for range 50 {
		c := s.customer(t, "Ada", "")
		var wait sync.WaitGroup
		var deleted, made error
		wait.Go(func() { deleted = s.DeleteCustomer(t.Context(), s.org, c.ID, 0) })
		wait.Go(func() { _, made = s.licenseFor(t, c.ID) })
		wait.Wait()
		there, err := s.Licenses(t.Context(), s.org, licensing.LicenseFilter{CustomerID: c.ID}, licensing.Page{})
		must(t, err)
		if _, err := s.Customer(t.Context(), s.org, c.ID); (err != nil) != (deleted == nil) || err != nil && len(there.Items) > 0 ||
			(made == nil) != (len(there.Items) == 1) {
			t.Fatalf("deleted %v, made %v, there: %d licenses, %v", deleted, made, len(there.Items), err)
		}
	}
}

// proves part of B05
func TestTrialOncePerCustomer(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, _ *licensing.License) { p.TrialOnce = true })
	ada, bob := s.customer(t, "Ada", ""), s.customer(t, "Bob", "")
	trial := func(l *licensing.License) { l.Trial = true }
	var wrong *licensing.Invalid
	if _, err := s.licenseFor(t, "", trial); !errors.As(err, &wrong) || wrong.Field != "customer_id" {
		t.Errorf("a trial of nobody: %v", err)
	}
	first, err := s.licenseFor(t, ada.ID, trial)
	must(t, err)
	if _, err := s.licenseFor(t, ada.ID, trial); !errors.As(err, &wrong) || wrong.Field != "trial" {
		t.Errorf("a second trial: %v", err)
	}
	must(t, s.DeleteLicense(t.Context(), s.org, first.ID, 0))
	if _, err := s.licenseFor(t, ada.ID, trial); !errors.As(err, &wrong) {
		t.Errorf("a second trial after the first was deleted: %v", err)
	}
	bought, err := s.licenseFor(t, ada.ID)
	must(t, err)
	bought.Trial = true
	if _, err := s.UpdateLicense(t.Context(), bought); !errors.As(err, &wrong) {
		t.Errorf("a second trial by an edit: %v", err)
	}
	_, err = s.licenseFor(t, bob.ID, trial)
	must(t, err)
}

// A trial that is given to another customer counts as its trial, whichever way it is given.
//
// proves part of B05
func TestTrialOnTransfer(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, _ *licensing.License) { p.TrialOnce = true })
	trial := func(l *licensing.License) { l.Trial = true }
	ada, bob, cid := s.customer(t, "Ada", ""), s.customer(t, "Bob", ""), s.customer(t, "Cid", "")
	_, err := s.licenseFor(t, ada.ID, trial)
	must(t, err)
	bobs, err := s.licenseFor(t, bob.ID, trial)
	must(t, err)
	var wrong *licensing.Invalid
	edited := bobs
	edited.CustomerID = ada.ID
	if _, err := s.UpdateLicense(t.Context(), edited); !errors.As(err, &wrong) || wrong.Field != "trial" {
		t.Errorf("a second one by an edit: %v", err)
	}
	for range 2 {
		if _, err := s.Transfer(t.Context(), s.org, bobs.ID, catalogue.Transfer{Key: "sold", CustomerID: ada.ID}); !errors.As(err, &wrong) ||
			wrong.Field != "trial" {
			t.Errorf("a second one by a transfer: %v", err)
		}
	}
	edited.CustomerID = ""
	if _, err := s.UpdateLicense(t.Context(), edited); !errors.As(err, &wrong) || wrong.Field != "customer_id" {
		t.Errorf("nobody's by an edit: %v", err)
	}
	for range 2 {
		_, err = s.Transfer(t.Context(), s.org, bobs.ID, catalogue.Transfer{Key: "given", CustomerID: cid.ID})
		must(t, err)
	}
	for _, c := range []catalogue.Customer{bob, cid} {
		if _, err := s.licenseFor(t, c.ID, trial); !errors.As(err, &wrong) || wrong.Field != "trial" {
			t.Errorf("%s tries twice: %v", c.Name, err)
		}
	}
}

// A refused edit claims no trial.
//
// proves part of B05
func TestRefusedEditReleasesTrial(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, _ *licensing.License) { p.TrialOnce = true })
	ada := s.customer(t, "Ada", "")
	bought, err := s.licenseFor(t, ada.ID)
	must(t, err)
	old := bought
	bought.Name = "renamed"
	bought, err = s.UpdateLicense(t.Context(), bought)
	must(t, err)
	old.Trial = true
	if _, err := s.UpdateLicense(t.Context(), old); !errors.Is(err, licensing.ErrStale) {
		t.Fatal(err)
	}
	first, err := s.licenseFor(t, ada.ID, func(l *licensing.License) { l.Trial = true })
	must(t, err)
	old = first
	first.Name = "renamed"
	_, err = s.UpdateLicense(t.Context(), first)
	must(t, err)
	if _, err := s.UpdateLicense(t.Context(), old); !errors.Is(err, licensing.ErrStale) {
		t.Fatal(err)
	}
	var wrong *licensing.Invalid
	if _, err := s.licenseFor(t, ada.ID, func(l *licensing.License) { l.Trial = true }); !errors.As(err, &wrong) {
		t.Errorf("a second trial after a refused edit of the first: %v", err)
	}
}
