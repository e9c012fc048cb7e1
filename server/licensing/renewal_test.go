package licensing_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/catalogue"
)

const aDay = 24 * 60 * minute

// withTerm gives the license a term instead of an end.
func withTerm(after int64, from licensing.TermFrom) func(*licensing.Policy, *licensing.License) {
	return func(_ *licensing.Policy, l *licensing.License) {
		l.Expires, l.Term = 0, licensing.Term{After: after, From: from}
	}
}

// proves part of B05
func TestTermFromCreation(t *testing.T) {
	s := newServer(t, withTerm(aDay, ""))
	equal(t, "end", s.license.Expires, ms(startTime)+aDay)
	s.wait(24*time.Hour - time.Second)
	equal(t, "end", s.program(1).sync(t).Expires, ms(startTime)+aDay)
	s.wait(time.Second)
	s.program(2).refused(t, license.CodeExpired)
}

// proves part of B05
func TestTermFromFirstActivation(t *testing.T) {
	s := newServer(t, withTerm(aDay, licensing.FromActivation))
	s.wait(100 * 24 * time.Hour) // in a drawer
	equal(t, "before it", s.license.Expires, 0)
	p, end := s.program(1), ms(startTime)+101*aDay
	equal(t, "end", p.sync(t).Expires, end)
	s.wait(time.Hour)
	equal(t, "the second counts no further", s.program(2).sync(t).Expires, end)
	p.sync(t, goodbye)
	s.wait(23 * time.Hour)
	p.refused(t, license.CodeExpired)
	history, err := s.History(t.Context(), s.org, s.license.ID, licensing.Page{})
	must(t, err)
	if len(history.Items) != 1 || history.Items[0].Kind != licensing.Started || history.Items[0].Expires != end {
		t.Errorf("%+v", history.Items)
	}
}

// A refused activation does not start the term.
func TestRefusedActivationStartsNoTerm(t *testing.T) {
	s := newServer(t, withTerm(aDay, licensing.FromActivation), func(p *licensing.Policy, _ *licensing.License) { p.ActivationLimit = 0 })
	s.program(1).refused(t, license.CodeActivationLimit)
	s.edit(t, func(l *licensing.License) { l.Status = licensing.Suspended })
	s.program(1).refused(t, license.CodeSuspended)
	l, err := s.License(t.Context(), s.org, s.license.ID)
	must(t, err)
	equal(t, "end", l.Expires, 0)
}

func TestInvalidTerms(t *testing.T) {
	s := newServer(t)
	for name, l := range map[string]licensing.License{
		"both":         {Term: licensing.Term{After: aDay}, Expires: ms(startTime) + aDay},
		"no beginning": {Term: licensing.Term{After: aDay, From: "delivery"}},
		"no length":    {Term: licensing.Term{After: 1, From: licensing.FromActivation}},
		"neither":      {},
	} {
		l.Record, l.Version, l.Contexts, l.Allowance = s.meta(), s.version.ID, []string{"ui"}, 1
		l.Entitlements = []license.Entitlement{{Name: "modeling"}}
		var wrong *licensing.Invalid
		if _, err := s.CreateLicense(t.Context(), l); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// proves part of B05
func TestRenew(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.sync(t, counts(10))
	renew := func(r catalogue.Renewal) licensing.License {
		t.Helper()
		l, err := s.Renew(t.Context(), s.org, s.license.ID, r)
		must(t, err)
		return l
	}
	order := catalogue.Renewal{Key: "order 1", Extend: aDay, Calls: 5, Maintenance: 30 * aDay}
	for range 3 { // the order comes again
		l := renew(order)
		equal(t, "end", l.Expires, ms(startTime)+2*aDay)
		equal(t, "allowance", l.Allowance, 15)
		equal(t, "maintenance", l.Maintenance, ms(startTime)+30*aDay)
	}
	var wrong *licensing.Invalid
	if _, err := s.Renew(t.Context(), s.org, s.license.ID, catalogue.Renewal{Key: "order 1", Extend: 2 * aDay}); !errors.As(err, &wrong) ||
		wrong.Field != "key" {
		t.Errorf("one key for two orders: %v", err)
	}
	equal(t, "counted", p.sync(t, counts(15)).Verdict, license.CodeOK)

	s.wait(72 * time.Hour)
	p.refused(t, license.CodeExpired)
	equal(t, "what has run out counts from now", renew(catalogue.Renewal{Key: "order 2", Extend: aDay}).Expires, ms(startTime)+4*aDay)
	p.sync(t, counts(15))
	for n := range 9 { // more than the license itself remembers
		renew(catalogue.Renewal{Key: fmt.Sprint("more ", n), Calls: 1})
	}
	equal(t, "an old order", renew(order).Allowance, 24)
	history, err := s.History(t.Context(), s.org, s.license.ID, licensing.Page{})
	must(t, err)
	equal(t, "history", len(history.Items), 11)

	_, err = s.Renew(t.Context(), s.org, s.license.ID, catalogue.Renewal{Key: "nothing"})
	if !errors.As(err, &wrong) {
		t.Errorf("a renewal of nothing: %v", err)
	}
	must(t, s.DeleteLicense(t.Context(), s.org, s.license.ID, 0))
	kept, err := s.store.Entries(t.Context(), "license_event", s.org, "", licensing.Page{})
	must(t, err)
	equal(t, "kept of a deleted license", len(kept.Items), 0)
}

// proves part of B05
func TestRenewBeforeTermStarts(t *testing.T) {
	s := newServer(t, withTerm(aDay, licensing.FromActivation))
	_, err := s.Renew(t.Context(), s.org, s.license.ID, catalogue.Renewal{Key: "1", Extend: aDay})
	must(t, err)
	equal(t, "end", s.program(1).sync(t).Expires, ms(startTime)+2*aDay)
}

// proves part of B05
func TestTransfer(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.sync(t, counts(4))
	move := func(tr catalogue.Transfer) {
		t.Helper()
		l, err := s.Transfer(t.Context(), s.org, s.license.ID, tr)
		must(t, err)
		equal(t, "customer", l.Customer, tr.Customer)
	}
	move(catalogue.Transfer{Customer: "Miller"})
	p.sync(t, counts(4))
	s.wait(time.Second)
	move(catalogue.Transfer{Key: "sold", Customer: "Smith", CloseInstallations: true})
	p.refused(t, license.CodeDeactivated)
	s.wait(time.Second)
	theirs := s.program(2)
	equal(t, "what was used", theirs.sync(t).Counters.Used, 4)
	move(catalogue.Transfer{Key: "sold", Customer: "Smith", CloseInstallations: true}) // again: it closes nothing of the new one's
	theirs.sync(t)
}

// proves B06
func TestMaintenance(t *testing.T) {
	s := newServer(t, func(_ *licensing.Policy, l *licensing.License) { l.Maintenance = ms(startTime) + 10*aDay })
	version := func(name string, released lease.Time) licensing.Version {
		v, err := s.CreateVersion(t.Context(), licensing.Version{Record: s.meta(), Product: s.product.ID, Name: name, Released: released,
			Policy: s.version.Policy})
		must(t, err)
		return v
	}
	as := func(v licensing.Version) func(*lease.Request) {
		return func(r *lease.Request) { r.Version = v.ID }
	}
	inside, outside, unreleased := version("2", ms(startTime)+10*aDay), version("3", ms(startTime)+10*aDay+1), version("4", 0)
	p := s.program(1)
	p.sync(t)             // its own
	p.sync(t, as(inside)) // the program is brought up to date, and is the same installation
	for _, v := range []licensing.Version{outside, unreleased} {
		no := p.refused(t, license.CodeMaintenanceEnded, as(v))
		if no.Detail == "" {
			t.Error("the refusal does not say what decided it")
		}
	}
	p.sync(t, as(inside)) // and back
	p.sync(t)
	_, err := s.Renew(t.Context(), s.org, s.license.ID, catalogue.Renewal{Key: "1", Maintenance: aDay})
	must(t, err)
	p.sync(t, as(outside))

	inside.Archived = true
	_, err = s.UpdateVersion(t.Context(), inside)
	must(t, err)
	p.refused(t, license.CodeArchived, as(inside))

	other, err := s.CreateProduct(t.Context(), licensing.Product{Record: s.meta(), Name: "CAM"})
	must(t, err)
	foreign, err := s.CreateVersion(t.Context(), licensing.Version{Record: s.meta(), Product: other.ID, Name: "1", Released: 1,
		Policy: s.version.Policy})
	must(t, err)
	p.refused(t, license.CodeUnknownVersion, as(foreign))
	s.license, err = s.License(t.Context(), s.org, s.license.ID)
	must(t, err)
	s.edit(t, func(l *licensing.License) { l.Maintenance = 0 })
	p.refused(t, license.CodeUnknownLicense, as(outside)) // without maintenance a license is its version's only
}

// A refused sync does not start the term, whatever the reason.
func TestRefusedSyncStartsNoTerm(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, _ *licensing.License) { p.MaxMachines, p.ActivationLimit = 1, 1 })
	s.program(1).sync(t)
	s.edit(t, restartTerm(aDay))
	s.program(2).refused(t, license.CodeActivationLimit)
	s.wait(time.Minute)
	s.program(2).refused(t, license.CodeMachineLimit)
	s = newServer(t, withTerm(aDay, licensing.FromActivation))
	s.program(1).refused(t, license.CodeRequestMalformed, func(r *lease.Request) {
		for n := range 90 {
			r.Want = append(r.Want, lease.ReservationRequest{Slot: lease.Slot{Entitlement: fmt.Sprintf("unknown%d", n), Context: "ui"}})
		}
	})
	l, err := s.License(t.Context(), s.org, s.license.ID)
	must(t, err)
	equal(t, "end", l.Expires, 0)
}

// The vendor removes the end of a license, so that its term starts again: it starts with the next sync, also of an existing installation.
//
// proves part of B05
func TestTermRestartsWhenEndIsRemoved(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.sync(t)
	s.edit(t, restartTerm(aDay))
	s.wait(time.Hour)
	equal(t, "end", p.sync(t).Expires, ms(s.clock())+aDay)
	s.wait(24 * time.Hour)
	p.refused(t, license.CodeExpired)
}

// restartTerm gives the license a term from the first activation and removes its end.
func restartTerm(after int64) func(*licensing.License) {
	return func(l *licensing.License) { withTerm(after, licensing.FromActivation)(nil, l) }
}
