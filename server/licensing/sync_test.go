package licensing_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/catalogue"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/licensing/keys"
	"github.com/onelicense/onelicense/server/licensing/leasing"
	"github.com/onelicense/onelicense/server/licensing/services"
	"github.com/onelicense/onelicense/server/store/memory"
)

// domain has the methods of all services of the domain.
type domain struct {
	*catalogueService
	*leasingService
	*keyService
	*eventService
}

type (
	catalogueService = catalogue.Service
	leasingService   = leasing.Service
	keyService       = keys.Service
	eventService     = events.Service
)

func newDomain(store licensing.Store, keys licensing.Issuer, o services.Options) domain {
	all := services.New(store, keys, o)
	return domain{all.Catalogue, all.Leasing, all.Keys, all.Events}
}

// server is the domain over the reference store, with a clock that the test sets.
type server struct {
	domain
	store   *memory.Store
	org     license.ID
	product licensing.Product
	version licensing.Version
	license licensing.License
	mu      sync.Mutex
	now     time.Time
	events  eventRecorder
}

const minute = 60_000

var startTime = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func ms(t time.Time) lease.Time { return lease.Time(t.UnixMilli()) }

func (s *server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) wait(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// newServer returns a server with one license: ten calls, a day, two seats of modeling.
func newServer(t *testing.T, change ...func(*licensing.Policy, *licensing.License)) *server {
	t.Helper()
	s := &server{store: memory.New(), now: startTime}
	s.restart(t)
	var err error
	org, err := s.CreateOrganisation(t.Context(), "Example")
	must(t, err)
	s.org = org.ID
	s.product, err = s.CreateProduct(t.Context(), licensing.Product{Record: s.meta(), Name: "CAD"})
	must(t, err)
	policy := licensing.DefaultPolicy(lease.TimeAndCalls, lease.Interval)
	policy.Interval, policy.MaxRetries, policy.Grace, policy.ActivationLimit = minute, 3, 10*minute, 100
	l := licensing.License{Record: s.meta(), Contexts: []string{"ui", "automation"}, Allowance: 10, Expires: ms(startTime.Add(24 * time.Hour)),
		Entitlements: []license.Entitlement{{Name: "modeling", Slots: 2}, {Name: "rendering"}}}
	for _, f := range change {
		f(&policy, &l)
	}
	s.version, err = s.CreateVersion(t.Context(), licensing.Version{Record: s.meta(), Product: s.product.ID, Name: "1", Policy: policy})
	must(t, err)
	l.Version = s.version.ID
	s.license, err = s.CreateLicense(t.Context(), l)
	must(t, err)
	return s
}

// restart creates new services over the same data, as after a restart of the server.
func (s *server) restart(t *testing.T) {
	t.Helper()
	keys, err := issuer.New(bytes.Repeat([]byte{1}, issuer.MasterKeySize), nil)
	must(t, err)
	s.domain = newDomain(s.store, keys, services.Options{Clock: s.clock, Epoch: 5, Secret: bytes.Repeat([]byte{2}, 32), Events: &s.events})
}

// rollBack restores the records and restarts the server.
func (s *server) rollBack(t *testing.T, to *memory.Store) {
	t.Helper()
	s.store = to.Copy()
	s.restart(t)
}

func (s *server) meta() licensing.Record { return licensing.Record{Organisation: s.org} }

func (s *server) edit(t *testing.T, change func(*licensing.License)) {
	t.Helper()
	change(&s.license)
	var err error
	s.license, err = s.UpdateLicense(t.Context(), s.license)
	must(t, err)
}

// program speaks the protocol as an honest client does, unless a test makes it do otherwise.
type program struct {
	s         *server
	device    ed25519.PrivateKey
	position  lease.Position
	last      []byte // the last signed lease
	sent      []byte // the last request
	challenge string
	time      lease.Time // of the last lease,
	epoch     int64      // and its epoch
}

var nonces atomic.Int64 // never used twice

func (s *server) program(seed byte) *program {
	return &program{s: s, device: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)), position: lease.Position{Generation: 1,
		Link: lease.OriginLink}}
}

func (p *program) copy() *program { c := *p; return &c }

func (p *program) request(with ...func(*lease.Request)) []byte {
	r := lease.Request{
		Product: p.s.product.ID, Version: p.s.version.ID, License: p.s.license.ID, Nonce: fmt.Sprintf("%032x", nonces.Add(1)),
		Generation: p.position.Generation, Number: p.position.Number + 1, Previous: p.position.Link, Lease: string(p.last),
		Keyring: lease.HashOf(p.s.product.Keyring),
	}
	for _, f := range with {
		f(&r)
	}
	p.sent = r.Sign(p.device)
	return p.sent
}

// send sends a request and checks the answer as a client does.
func (p *program) send(t *testing.T, request []byte) *lease.Answer {
	t.Helper()
	r, hash, err := lease.OpenRequest(request)
	must(t, err)
	got, err := p.s.Sync(t.Context(), request, "192.0.2.1")
	must(t, err)
	signed, beside, err := lease.SplitAttachments(got.Body)
	certificate := beside.Keyring
	must(t, err)
	if (certificate != nil) != (r.Keyring != lease.HashOf(p.s.product.Keyring)) || certificate != nil &&
		!bytes.Equal(certificate, p.s.product.Keyring) {
		t.Fatalf("certificate of %d bytes", len(certificate))
	}
	keys, err := issuerKeyring(p.s.product.Keyring)
	must(t, err)
	a, err := lease.Open(signed, keys, p.s.clock())
	must(t, err)
	if a.Refusal != nil {
		no := a.Refusal
		if no.Request != hash || no.Nonce != r.Nonce || no.Activation != r.Activation() || no.License != r.License || no.Product != r.Product ||
			got.Refused != no.Code {
			t.Fatalf("the refusal is for another request: %+v", no)
		}
		p.challenge = no.Challenge
		return a
	}
	l := a.Lease
	if l.Request != hash || l.Nonce != r.Nonce || l.Activation != r.Activation() || l.License != r.License || l.Product != r.Product ||
		l.Position() != (lease.Position{Generation: r.Generation, Number: r.Number, Link: lease.NextLink(r.Previous, hash)}) ||
		got.Refused != "" {
		t.Fatalf("the lease is for another request: %+v", l)
	}
	if l.Time < p.time && l.Epoch == p.epoch {
		t.Fatalf("a program does not believe a lease of %s after one of %s", l.Time, p.time)
	}
	p.position, p.last, p.time, p.epoch = l.Position(), signed, l.Time, l.Epoch
	return a
}

func (p *program) sync(t *testing.T, with ...func(*lease.Request)) *lease.Lease {
	t.Helper()
	a := p.send(t, p.request(with...))
	if a.Lease == nil {
		t.Fatalf("refused: %s %s", a.Refusal.Code, a.Refusal.Detail)
	}
	return a.Lease
}

func (p *program) refused(t *testing.T, want license.Code, with ...func(*lease.Request)) *lease.Refusal {
	t.Helper()
	a := p.send(t, p.request(with...))
	if a.Refusal == nil || a.Refusal.Code != want {
		t.Fatalf("want %s, got lease %+v refusal %+v", want, a.Lease, a.Refusal)
	}
	if a.Refusal.NotAfter-a.Refusal.Time != lease.RefusalLifetime {
		t.Fatalf("the refusal lives %d ms", a.Refusal.NotAfter-a.Refusal.Time)
	}
	return a.Refusal
}

// reactivation makes the request a re-activation: the challenge of the last refusal, the next generation.
func (p *program) reactivation(generation int64) func(*lease.Request) {
	return func(r *lease.Request) {
		r.Challenge, r.Generation, r.Number, r.Previous = p.challenge, generation+1, 1, lease.OriginLink
	}
}

func counts(n int64) func(*lease.Request) { return func(r *lease.Request) { r.Counted = n } }
func goodbye(r *lease.Request)            { r.Goodbye = true }
func wants(names ...string) func(*lease.Request) {
	return func(r *lease.Request) {
		for _, n := range names {
			entitlement, in, _ := strings.Cut(n, "@")
			r.Want = append(r.Want, lease.ReservationRequest{Slot: lease.Slot{Entitlement: entitlement, Context: in}})
		}
	}
}
func releases(name string) func(*lease.Request) {
	return func(r *lease.Request) { r.Drop = append(r.Drop, lease.Slot{Entitlement: name, Context: "ui"}) }
}

func issuerKeyring(certificate []byte) (license.Keyring, error) {
	return new(issuer.Issuer).Keyring(certificate)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// proves S17
// proves part of S26
func TestLeaseMembers(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	l := p.sync(t, counts(3), wants("modeling@ui"))
	equal(t, "settings", l.Settings, s.version.Policy.Settings)
	equal(t, "counters", l.Counters, lease.Counters{Used: 3, Allowance: 10, Counted: 3})
	equal(t, "time", l.Time, ms(startTime))
	equal(t, "epoch", l.Epoch, 5)
	equal(t, "verdict", l.Verdict, license.CodeOK)
	equal(t, "expires", l.Expires, s.license.Expires)
	equal(t, "not after", l.NotAfter, l.Time+12*minute) // interval, retries, grace
	equal(t, "reservation", l.Reservations[0], lease.Reservation{Slot: lease.Slot{Entitlement: "modeling", Context: "ui"}, Until: l.NotAfter})
	p.sync(t, counts(3), func(r *lease.Request) { r.Keyring = "" }) // send checks the certificate
}

// proves S12, S20
func TestAllowanceExhausted(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	equal(t, "call 10 of 10", p.sync(t, counts(10)).Verdict, license.CodeOK)
	l := p.sync(t, counts(11))
	equal(t, "call 11 of 10", l.Verdict, license.CodeExhausted)
	equal(t, "counted", l.Counters, lease.Counters{Used: 10, Allowance: 10, Counted: 10})
	s.edit(t, func(l *licensing.License) { l.Allowance = 20 })
	l = p.sync(t, counts(11))
	equal(t, "after a raise", l.Verdict, license.CodeOK)
	equal(t, "used", l.Counters.Used, 11)
}

// proves S13, S14
func TestLicenseExpires(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, l *licensing.License) { p.Type, l.Allowance = lease.Timed, 0 })
	p := s.program(1)
	l := p.sync(t, counts(1_000_000))
	equal(t, "verdict", l.Verdict, license.CodeOK)
	equal(t, "counters", l.Counters, lease.Counters{Used: 1_000_000, Counted: 1_000_000})
	s.wait(24*time.Hour - time.Millisecond)
	p.sync(t, counts(1_000_000))
	s.wait(time.Millisecond)
	p.refused(t, license.CodeExpired, counts(1_000_001))
	s.program(2).refused(t, license.CodeExpired)
	s.edit(t, func(l *licensing.License) { l.Expires += 1000 })
	p.sync(t, counts(1_000_001))
}

// proves S15
func TestWrongIDs(t *testing.T) {
	s := newServer(t)
	const nobody = license.ID("ffffffffffffffffffffffff")
	p := s.program(1)
	p.refused(t, license.CodeUnknownLicense, func(r *lease.Request) { r.License = nobody })
	p.refused(t, license.CodeUnknownVersion, func(r *lease.Request) { r.License, r.Version = nobody, nobody })
	p.refused(t, license.CodeUnknownVersion, func(r *lease.Request) { r.Version = nobody })
	_, err := s.Sync(t.Context(), p.request(func(r *lease.Request) { r.Product = nobody }), "")
	var e *license.Error
	if !errors.As(err, &e) || e.Code != license.CodeUnknownProduct {
		t.Errorf("unknown product: %v", err)
	}
	other, err := s.CreateProduct(t.Context(), licensing.Product{Record: s.meta(), Name: "CAM"})
	must(t, err)
	// The other product's key signs, since the program pins it.
	s.product = other
	p.refused(t, license.CodeUnknownVersion)
	for name, body := range map[string][]byte{"empty": nil, "text": []byte("hello\nworld\n"),
		"bit": func() []byte { b := p.request(); b[30] ^= 1; return b }()} {
		if _, err := s.Sync(t.Context(), body, ""); !errors.As(err, &e) || e.Code.Verdict().Class != license.ClassRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// proves S21, S22
func TestStatusRefusals(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.sync(t, counts(1))
	s.edit(t, func(l *licensing.License) { l.Status = licensing.Suspended })
	// The stored answer precedes the status: an accepted request stays accepted.
	if a := p.send(t, p.sent); a.Lease == nil {
		t.Error("the resend was refused")
	}
	p.refused(t, license.CodeSuspended)
	s.program(2).refused(t, license.CodeSuspended)
	interval := int64(5000)
	s.edit(t, func(l *licensing.License) { l.Status, l.Overrides.Interval = licensing.Active, &interval })
	equal(t, "interval", p.sync(t, counts(2)).Settings.Interval, interval)
	must2(s.UpdateVersion(t.Context(), func() licensing.Version { v := s.version; v.Archived = true; return v }()))
	p.refused(t, license.CodeArchived)
	s.edit(t, func(l *licensing.License) { l.Status = licensing.Revoked })
	v, err := s.Version(t.Context(), s.org, s.version.ID)
	must(t, err)
	v.Archived = false
	must2(s.UpdateVersion(t.Context(), v))
	p.refused(t, license.CodeRevoked)
	s.license.Status = licensing.Active
	if _, err := s.UpdateLicense(t.Context(), s.license); err == nil {
		t.Error("a revoked license came back")
	}
	must(t, s.DeleteLicense(t.Context(), s.org, s.license.ID, 0))
	p.refused(t, license.CodeUnknownLicense)
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// proves S16
func TestActivationLimit(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, _ *licensing.License) { p.ActivationLimit = 1 })
	s.program(1).sync(t)
	no := s.program(2).refused(t, license.CodeActivationLimit)
	equal(t, "retry at", no.RetryAt, ms(startTime)+minute)
	s.wait(time.Minute)
	s.program(2).sync(t)
}

// proves S18
func TestWrongDevice(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.sync(t)
	thief := p.copy()
	thief.device = s.program(9).device
	thief.refused(t, license.CodeWrongDevice)
	thief.last = nil
	equal(t, "generation", thief.refused(t, license.CodeStaleState).Generation, 0)
	p.sync(t)
}

// A lost reply is asked for again and counted once; the lease is the same but for its signature. proves S19
func TestResendAfterLostReply(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.sync(t)
	want := p.sync(t, counts(4))
	s.wait(time.Hour)
	a := p.send(t, p.sent)
	equal(t, "link", a.Lease.Link, want.Link)
	equal(t, "time", a.Lease.Time, want.Time)
	equal(t, "counted", a.Lease.Counters, want.Counters)
	p.refused(t, license.CodeNumberTooHigh, counts(3)) // below what was confirmed
	p.sync(t, counts(4))
	epoch, err := s.RaiseEpoch(t.Context())
	must(t, err)
	a = p.send(t, p.sent)
	equal(t, "epoch of a stored lease after a restore", a.Lease.Epoch, epoch.Value)
	equal(t, "link", a.Lease.Link, p.position.Link)
}

// An old state is restored: the installation re-activates, keeps seats and count, and has a budget for it.
func TestReactivationAfterRestoredState(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, _ *licensing.License) { p.ActivationLimit, p.MaxMachines = 1, 1 })
	p := s.program(1)
	p.sync(t, wants("modeling@ui"))
	backup := p.copy()
	p.sync(t, counts(5))
	for generation := int64(1); generation <= 3; generation++ {
		p = backup.copy()
		no := p.refused(t, license.CodeStaleState, counts(2))
		equal(t, "generation", no.Generation, generation)
		l := p.sync(t, p.reactivation(generation), counts(2))
		equal(t, "counted", l.Counters.Counted, 5)
		equal(t, "held", len(l.Reservations), 1)
		p.sync(t, counts(5))
	}
	p = backup.copy()
	p.refused(t, license.CodeStaleState)
	p.refused(t, license.CodeRestoredTooOften, p.reactivation(4))
	s.wait(23 * time.Hour)
	s.edit(t, func(l *licensing.License) { l.Expires = ms(startTime.Add(1000 * 24 * time.Hour)) })
	s.wait(29*24*time.Hour + time.Hour)
	p.refused(t, license.CodeStaleState)
	p.sync(t, p.reactivation(4))
}

func TestChallengeIsBoundToHead(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	p.sync(t)
	old := p.copy()
	p.sync(t)
	old.refused(t, license.CodeStaleState)
	forged := old.copy()
	forged.challenge = strings.Repeat("0", 64)
	forged.refused(t, license.CodeChallengeInvalid, forged.reactivation(1))
	other := s.program(2)
	other.sync(t)
	other.challenge = old.challenge
	other.refused(t, license.CodeChallengeInvalid, other.reactivation(1))
	p.sync(t) // the head moves: the challenge is void
	old.refused(t, license.CodeChallengeInvalid, old.reactivation(1))
	late := p.request()
	p.refused(t, license.CodeStaleState, func(r *lease.Request) { r.Previous = lease.HashOf(nil) })
	p.sync(t)
	if a := p.send(t, late); a.Refusal == nil || a.Refusal.Code != license.CodeStaleState {
		t.Errorf("a packet that came late: %+v", a)
	}
}

func TestGoodbyeAndDeactivation(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, _ *licensing.License) { p.MaxMachines = 1 })
	p := s.program(1)
	p.sync(t, wants("modeling@ui"))
	no := s.program(2).refused(t, license.CodeMachineLimit)
	equal(t, "retry at", no.RetryAt, no.Time+minute)
	l := p.sync(t, goodbye)
	equal(t, "held", len(l.Reservations), 0)
	p.send(t, p.sent)
	p.refused(t, license.CodeDeactivated)
	q := s.program(2)
	q.sync(t)
	key := licensing.ActivationKey{License: s.license.ID, Activation: lease.ActivationID(q.device.Public().(ed25519.PublicKey))}
	must(t, s.Deactivate(t.Context(), s.org, key))
	q.refused(t, license.CodeDeactivated)
	p.challenge = ""
	p.sync(t, p.reactivation(1)) // comes back as a newcomer
}

// proves L06, L19, L21
func TestWantsAndDenials(t *testing.T) {
	s := newServer(t)
	p := s.program(1)
	l := p.sync(t, wants("modeling@ui", "rendering@automation", "flying@ui"))
	equal(t, "held", len(l.Reservations), 2)
	equal(t, "unknown", l.Denied[0].Code, license.CodeUnknownEntitlement)
	l = s.program(2).sync(t, wants("rendering@kitchen", "modeling@ui"))
	equal(t, "context", l.Denied[0].Code, license.CodeContextNotAllowed)
	l = s.program(3).sync(t, wants("modeling@ui"))
	equal(t, "third of two", l.Denied[0].Code, license.CodeNoSlots)
	p.sync(t, releases("modeling"))
	equal(t, "after a drop", len(s.program(4).sync(t, wants("modeling@ui")).Reservations), 1)
	s.edit(t, func(l *licensing.License) { l.Entitlements = []license.Entitlement{{Name: "modeling", Slots: 2}} })
	equal(t, "an entitlement taken out of the license", len(p.sync(t).Reservations), 0)
}

// The size of a lease is limited; wanted slots that do not fit are denied, not granted without being listed.
func TestLeaseFull(t *testing.T) {
	long := func(n int) string { return fmt.Sprintf("%s%02d", strings.Repeat("x", 62), n) }
	s := newServer(t, func(_ *licensing.Policy, l *licensing.License) {
		l.Contexts, l.Entitlements = []string{strings.Repeat("c", 64)}, nil
		for n := range 40 {
			l.Entitlements = append(l.Entitlements, license.Entitlement{Name: long(n)})
		}
	})
	p := s.program(1)
	held, full := 0, 0
	for n := range 40 {
		l := p.sync(t, wants(long(n)+"@"+strings.Repeat("c", 64)))
		held = len(l.Reservations)
		for _, d := range l.Denied {
			equal(t, "code", d.Code, license.CodeLeaseFull)
			full++
		}
		if full > 0 && n > 20 {
			break
		}
		if no := 4096 - len(bytes.Split(p.last, []byte("\n"))[0]); no < 0 {
			t.Fatalf("%d bytes too many", -no)
		}
	}
	if held < 10 || full == 0 {
		t.Errorf("%d held, %d denied", held, full)
	}
}

// Many programs, one seat, one activation each, everything signed: the sums are right. proves S27
func TestConcurrentSyncs(t *testing.T) {
	s := newServer(t, func(_ *licensing.Policy, l *licensing.License) { l.Allowance = 100 })
	var wait sync.WaitGroup
	errs := make(chan error, 32)
	for n := range 32 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			p := s.program(byte(n + 1))
			for i := range int64(3) {
				request := p.request(counts(2*(i+1)), wants("modeling@ui"))
				a, err := s.Sync(context.Background(), request, "")
				if err != nil || a.Refused != "" {
					errs <- fmt.Errorf("%s %w", a.Refused, err)
					return
				}
				r, hash, _ := lease.OpenRequest(request)
				p.position = lease.Position{Generation: 1, Number: r.Number, Link: lease.NextLink(r.Previous, hash)}
			}
		}()
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	used, err := s.Usage(t.Context(), s.org, s.license.ID)
	must(t, err)
	equal(t, "used", used.Used, 100)
	held, err := s.Reservations(t.Context(), s.org, s.license.ID, licensing.Page{})
	must(t, err)
	equal(t, "held", len(held.Items), 2)
	s.wait(time.Hour)
	held, err = s.Reservations(t.Context(), s.org, s.license.ID, licensing.Page{})
	must(t, err)
	equal(t, "held an hour later", len(held.Items), 0)
}
