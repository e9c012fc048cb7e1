package licensing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

// eventRecorder records events, once for each key, as an outbox does.
type eventRecorder struct {
	mu    sync.Mutex
	known map[string]bool
	news  []events.Event
	calls int
	fails bool
}

var errSinkFailed = errors.New("the sink failed")

func (t *eventRecorder) Record(_ context.Context, n events.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	if t.fails {
		return errSinkFailed
	}
	id := string(n.Org) + " " + string(n.Type) + " " + n.Key
	if t.known == nil {
		t.known = map[string]bool{}
	}
	if !t.known[id] {
		t.known[id] = true
		t.news = append(t.news, n)
	}
	return nil
}

// expectEvents fails unless exactly events of these types were recorded since the last call.
func (s *server) expectEvents(t *testing.T, want ...events.Type) []events.Event {
	t.Helper()
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	news := s.events.news
	s.events.news = nil
	var types []string
	for _, n := range news {
		types = append(types, string(n.Type))
		if n.Org != s.org || n.Key == "" || n.Time == 0 || n.License != s.license.ID && strings.HasPrefix(string(n.Type), "license.") {
			t.Errorf("incomplete: %+v", n)
		}
	}
	var wanted []string
	for _, w := range want {
		wanted = append(wanted, string(w))
	}
	if strings.Join(types, " ") != strings.Join(wanted, " ") {
		t.Fatalf("heard %v, want %v", types, wanted)
	}
	return news
}

// proves part of B14
func TestEventsOfVendorChanges(t *testing.T) {
	s := newServer(t)
	s.expectEvents(t, events.LicenseCreated)
	s.edit(t, func(l *licensing.License) { l.Customer = "Initech" })
	if n := s.expectEvents(t, events.LicenseChanged)[0]; n.Customer != "Initech" || n.Details["revision"] != int64(2) {
		t.Errorf("%+v", n)
	}
	s.edit(t, func(l *licensing.License) { l.Status = licensing.Suspended })
	s.expectEvents(t, events.LicenseSuspended)
	s.edit(t, func(l *licensing.License) { l.Status = licensing.Active })
	s.expectEvents(t, events.LicenseReinstated)
	p := s.program(1)
	p.sync(t)
	s.expectEvents(t, events.ActivationCreated)
	key := licensing.ActivationKey{License: s.license.ID, Activation: p.activation()}
	must(t, s.Deactivate(t.Context(), s.org, key))
	must(t, s.Deactivate(t.Context(), s.org, key)) // it is closed already
	if n := s.expectEvents(t, events.ActivationClosed)[0]; n.Activation != key.Activation || n.Details["by"] != "vendor" {
		t.Errorf("%+v", n)
	}
	s.edit(t, func(l *licensing.License) { l.Status = licensing.Revoked })
	s.expectEvents(t, events.LicenseRevoked)
	stale := s.license
	stale.Revision--
	if _, err := s.UpdateLicense(t.Context(), stale); !errors.Is(err, licensing.ErrStale) {
		t.Fatal(err)
	}
	s.expectEvents(t)
	must(t, s.DeleteLicense(t.Context(), s.org, s.license.ID, 0))
	s.expectEvents(t, events.LicenseDeleted)
}

// A sync that passes no threshold records no event.
//
// proves part of B14
func TestUsageEvents(t *testing.T) {
	s := newServer(t, withHighLimits, func(_ *licensing.Policy, l *licensing.License) { l.Allowance = 100 })
	p, q := s.program(1), s.program(2)
	p.sync(t)
	q.sync(t)
	s.expectEvents(t, events.LicenseCreated, events.ActivationCreated, events.ActivationCreated)
	calls := s.events.calls
	p.sync(t, counts(50))
	q.sync(t, counts(39))
	equal(t, "tellings below the threshold", s.events.calls, calls)
	q.sync(t, counts(41))
	if n := s.expectEvents(t, events.LicenseNearlyExhausted)[0]; fmt.Sprint(n.Details) != "map[allowance:100 used:91]" {
		t.Errorf("%+v", n)
	}
	calls = s.events.calls
	p.sync(t, counts(59))
	equal(t, "tellings above it", s.events.calls, calls)
	p.sync(t, counts(70))
	if n := s.expectEvents(t, events.LicenseExhausted)[0]; fmt.Sprint(n.Details) != "map[allowance:100 used:100]" {
		t.Errorf("%+v", n)
	}
	p.sync(t, counts(80))
	q.sync(t, counts(80))
	s.expectEvents(t) // it was told for this allowance
	s.edit(t, func(l *licensing.License) { l.Allowance = 200 })
	s.expectEvents(t, events.LicenseChanged)
	p.sync(t, counts(110))
	q.sync(t, counts(120))
	s.expectEvents(t, events.LicenseNearlyExhausted, events.LicenseExhausted)
}

// The process ends, or recording fails, between a sync and its answer: the program asks again, and the event is recorded then.
//
// proves part of B14
func TestEventIsRecordedBeforeReply(t *testing.T) {
	s := newServer(t, withHighLimits, func(_ *licensing.Policy, l *licensing.License) { l.Allowance = 100 })
	s.expectEvents(t, events.LicenseCreated)
	p := s.program(1)
	lost := func(with ...func(*lease.Request)) {
		t.Helper()
		s.events.fails = true
		if answer, err := s.Sync(t.Context(), p.request(with...), ""); !errors.Is(err, errSinkFailed) || answer.Body != nil {
			t.Fatalf("answered %v %v", answer, err)
		}
		s.events.fails = false
		s.restart(t)
		s.expectEvents(t)
		p.send(t, p.sent)
	}
	lost()
	s.expectEvents(t, events.ActivationCreated)
	lost(counts(95))
	s.expectEvents(t, events.LicenseNearlyExhausted)
	lost(counts(200))
	s.expectEvents(t, events.LicenseExhausted)
	lost(counts(200), goodbye)
	s.expectEvents(t, events.ActivationClosed)
}

// proves part of B14
func TestLimitEvents(t *testing.T) {
	s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.MaxMachines = 1 })
	s.program(1).sync(t)
	s.expectEvents(t, events.LicenseCreated, events.ActivationCreated)
	for range 3 {
		s.program(2).refused(t, license.CodeMachineLimit)
		s.program(3).refused(t, license.CodeMachineLimit)
	}
	if n := s.expectEvents(t, events.ActivationRefused)[0]; n.Details["code"] != "machine_limit" {
		t.Errorf("%+v", n)
	}
	s.wait(24 * time.Hour)
	s.program(2).refused(t, license.CodeMachineLimit)
	s.expectEvents(t, events.ActivationRefused)
}

// proves part of B14
func TestCloneEvents(t *testing.T) {
	s := newServer(t, withHighLimits)
	here := s.program(1)
	here.sync(t)
	s.expectEvents(t, events.LicenseCreated, events.ActivationCreated)
	there := here.copy()
	alternateSyncs(t, here, there)
	news := s.expectEvents(t, events.ActivationRestored, events.ActivationRestored, events.CloneSuspected, events.CloneSuspected)
	if n := news[2]; n.Details["alternations"] != int64(1) || n.Details["refused"] != false || n.Details["address"] != "192.0.2.1" {
		t.Errorf("%+v", n)
	}
	if n := news[3]; n.Details["refused"] != true || n.Activation != here.activation() {
		t.Errorf("%+v", n)
	}
}

// proves part of B14
func TestReactivationEvents(t *testing.T) {
	s := newServer(t, withHighLimits, func(p *licensing.Policy, _ *licensing.License) { p.CloneAction = licensing.CloneReport })
	here := s.program(1)
	here.sync(t)
	alternateSyncs(t, here, here.copy())
	if news := s.events.news; news[len(news)-1].Type != events.RestoredTooOften {
		t.Errorf("%+v", news)
	}
	s.events.news = nil
	other := s.program(2)
	other.sync(t)
	s.expectEvents(t, events.ActivationCreated)
	before := s.store.Copy()
	other.sync(t)
	s.expectEvents(t)
	s.rollBack(t, before)
	knows := func(r *lease.Request) { r.Epoch = 5 }
	other.sync(t, knows)
	if n := s.expectEvents(t, events.ServerRestored)[0]; n.Details["epoch"] != int64(6) {
		t.Errorf("%+v", n)
	}
	other.sync(t, knows)
	s.expectEvents(t)
}

// proves part of B14
func TestExpiryReminders(t *testing.T) {
	ends := startTime.Add(40 * 24 * time.Hour)
	s := newServer(t, func(_ *licensing.Policy, l *licensing.License) { l.Expires = ms(ends) })
	s.expectEvents(t, events.LicenseCreated)
	at := func(when time.Time, want ...events.Type) []events.Event {
		t.Helper()
		s.wait(when.Sub(s.clock()))
		must(t, s.RecordExpiring(t.Context()))
		must(t, s.RecordExpiring(t.Context()))
		return s.expectEvents(t, want...)
	}
	at(startTime.Add(9 * 24 * time.Hour))
	if n := at(startTime.Add(10*24*time.Hour),
		events.LicenseExpiring)[0]; fmt.Sprint(n.Details) != "map[days:30 expires:2026-04-13T12:00:00Z]" {
		t.Errorf("%+v", n)
	}
	at(startTime.Add(32 * 24 * time.Hour))
	at(startTime.Add(33*24*time.Hour), events.LicenseExpiring)

	// The end is changed: the earlier reminder records nothing, and the new end is announced.
	s.edit(t, func(l *licensing.License) { l.Expires = ms(ends.Add(30 * 24 * time.Hour)) })
	s.expectEvents(t, events.LicenseChanged)
	at(ends.Add(-24 * time.Hour))
	at(ends, events.LicenseExpiring) // 30 days before the new one
	at(ends.Add(24 * time.Hour))

	// The job did not run for long: outdated reminders are skipped.
	if n := at(ends.Add(31*24*time.Hour), events.LicenseExpired)[0]; n.Details["days"] != nil {
		t.Errorf("%+v", n)
	}
	at(ends.Add(400 * 24 * time.Hour))
	due, err := s.store.DueEntries(t.Context(), "license_expiry", ms(s.clock().Add(10_000*time.Hour)), 10)
	must(t, err)
	equal(t, "entries left", len(due), 0)

	// A crash between recording the event and rescheduling its entry: it is one event.
	s.edit(t, func(l *licensing.License) { l.Expires = ms(s.clock().Add(30 * 24 * time.Hour).Add(time.Hour)) })
	s.expectEvents(t, events.LicenseChanged)
	before := s.store.Copy()
	at(s.clock().Add(time.Hour), events.LicenseExpiring)
	s.rollBack(t, before)
	at(s.clock())
}

// proves part of B14
func TestKeyEvents(t *testing.T) {
	s := newServer(t)
	s.expectEvents(t, events.LicenseCreated)
	_, err := s.UpdateStatement(t.Context(), s.org, s.product.ID, func(l *lease.Statement) {
		l.Keys = append(l.Keys, lease.KeyStatement{Key: strings.Repeat("a", 40), Status: lease.Compromised},
			lease.KeyStatement{Key: strings.Repeat("b", 40), Status: lease.Retired})
	})
	must(t, err)
	if n := s.expectEvents(t, events.KeysChanged, events.KeysCompromised)[1]; n.Details["key"] != strings.Repeat("a", 40) ||
		n.Product != s.product.ID {
		t.Errorf("%+v", n)
	}
	_, err = s.UpdateStatement(t.Context(), s.org, s.product.ID, func(*lease.Statement) {})
	must(t, err)
	s.expectEvents(t)
}
