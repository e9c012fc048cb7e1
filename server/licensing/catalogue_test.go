package licensing_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Each wrong value is refused and named. proves S14, S24
func TestInvalidValuesNameTheField(t *testing.T) {
	s := newServer(t)
	product := func(f func(*licensing.Product)) func() error {
		return func() error {
			p := licensing.Product{Record: s.meta(), Name: "CAM"}
			f(&p)
			_, err := s.CreateProduct(t.Context(), p)
			return err
		}
	}
	policy := func(f func(*licensing.Policy)) func() error {
		return func() error {
			v := licensing.Version{Record: s.meta(), Product: s.product.ID, Name: "2", Policy: s.version.Policy}
			f(&v.Policy)
			_, err := s.CreateVersion(t.Context(), v)
			return err
		}
	}
	record := func(f func(*licensing.License)) func() error {
		return func() error {
			l := s.license
			f(&l)
			_, err := s.CreateLicense(t.Context(), l)
			return err
		}
	}
	tooMany := map[string]string{}
	for n := range licensing.MaxMetadata + 1 {
		tooMany[strings.Repeat("k", n+1)] = ""
	}
	bad, interval := lease.Trigger("hourly"), int64(999)
	cases := []struct {
		name, field string
		make        func() error
	}{
		{"no name", "name", product(func(p *licensing.Product) { p.Name = " " })},
		{"long name", "name", product(func(p *licensing.Product) { p.Name = strings.Repeat("ü", licensing.MaxText+1) })},
		{"not UTF-8", "name", product(func(p *licensing.Product) { p.Name = "a\xff" })},
		{"control character", "name", product(func(p *licensing.Product) { p.Name = "a\x00" })},
		{"long description", "description", product(func(p *licensing.Product) {
			p.Description = strings.Repeat("x",
				licensing.MaxDescription+1)
		})},
		{"much metadata", "metadata", product(func(p *licensing.Product) { p.Metadata = tooMany })},
		{"long metadata", "metadata.k", product(func(p *licensing.Product) { p.Metadata = map[string]string{"k": strings.Repeat("x", 1001)} })},
		{"type", "policy.type", policy(func(p *licensing.Policy) { p.Type = "forever" })},
		{"trigger", "policy.trigger", policy(func(p *licensing.Policy) { p.Trigger = bad })},
		{"interval", "policy.interval_ms", policy(func(p *licensing.Policy) { p.Interval = 999 })},
		{"retries", "policy.max_retries", policy(func(p *licensing.Policy) { p.MaxRetries = -1 })},
		{"grace", "policy.grace_ms", policy(func(p *licensing.Policy) { p.Grace = -1 })},
		{"delay", "policy.activation_delay_ms", policy(func(p *licensing.Policy) { p.ActivationDelay = 1 << 40 })},
		{"tolerance", "policy.clock_tolerance_ms", policy(func(p *licensing.Policy) { p.ClockTolerance = -1 })},
		{"journal", "policy.journal_interval_calls", policy(func(p *licensing.Policy) { p.JournalEvery = -1 })},
		{"limit", "policy.activation_limit", policy(func(p *licensing.Policy) { p.ActivationLimit = -2 })},
		{"machines", "policy.max_machines", policy(func(p *licensing.Policy) { p.MaxMachines = -2 })},
		{"transfers", "policy.transfer_limit", policy(func(p *licensing.Policy) { p.TransferLimit = -2 })},
		{"alternations", "policy.clone_limit", policy(func(p *licensing.Policy) { p.CloneLimit = 0 })},
		{"clones", "policy.clone_action", policy(func(p *licensing.Policy) { p.CloneAction = "ignore" })},
		{"prepaid", "policy.prepaid_block", policy(func(p *licensing.Policy) { p.Prepaid = 1_000_000_001 })},
		{"prepaid without calls", "policy.prepaid_block", policy(func(p *licensing.Policy) { p.Type, p.Prepaid = lease.Timed, 1 })},
		{"period without calls", "policy.period", policy(func(p *licensing.Policy) { p.Type, p.Period = lease.Timed, licensing.PeriodDay })},
		{"period", "policy.period", policy(func(p *licensing.Policy) { p.Period = "decade" })},
		{"no length", "policy.period_length_ms", policy(func(p *licensing.Policy) { p.Period = licensing.PeriodFixed })},
		{"length of a day", "policy.period_length_ms",
			policy(func(p *licensing.Policy) { p.Period, p.PeriodLength = licensing.PeriodDay, 5000 })},
		{"borrowing", "policy.max_borrow_ms", policy(func(p *licensing.Policy) { p.MaxBorrow = -1 })},
		{"queue", "policy.queue_timeout_ms", policy(func(p *licensing.Policy) { p.QueueTimeout = -1 })},
		{"parts", "policy.fingerprint_tolerance", policy(func(p *licensing.Policy) { p.FingerprintTolerance = lease.MaxFingerprintParts + 1 })},
		{"machine", "policy.fingerprint_action", policy(func(p *licensing.Policy) { p.FingerprintAction = "" })},
		{"no allowance", "allowance", record(func(l *licensing.License) { l.Allowance = 0 })},
		{"negative allowance", "allowance", record(func(l *licensing.License) { l.Allowance = -1 })},
		{"no expiry", "expires", record(func(l *licensing.License) { l.Expires = 0 })},
		{"no context", "contexts", record(func(l *licensing.License) { l.Contexts = nil })},
		{"context", "contexts.1", record(func(l *licensing.License) { l.Contexts = []string{"ui", "a b"} })},
		{"no entitlement", "entitlements", record(func(l *licensing.License) { l.Entitlements = nil })},
		{"twice", "entitlements.1", record(func(l *licensing.License) {
			l.Entitlements = []license.Entitlement{{Name: "a"},
				{Name: "a", Slots: 1}}
		})},
		{"slots", "entitlements.0.slots", record(func(l *licensing.License) { l.Entitlements = []license.Entitlement{{Name: "a", Slots: -1}} })},
		{"status", "status", record(func(l *licensing.License) { l.Status = "lost" })},
		{"customer", "customer", record(func(l *licensing.License) { l.Customer = strings.Repeat("x", 201) })},
		{"override", "overrides.interval_ms", record(func(l *licensing.License) { l.Overrides.Interval = &interval })},
		{"overridden trigger", "overrides.trigger", record(func(l *licensing.License) { l.Overrides.Trigger = &bad })},
	}
	for _, c := range cases {
		var wrong *licensing.Invalid
		if err := c.make(); !errors.As(err, &wrong) || wrong.Field != c.field {
			t.Errorf("%s: %v, want a problem with %s", c.name, err, c.field)
		}
	}
	if err := record(func(*licensing.License) {})(); err != nil {
		t.Errorf("nothing wrong: %v", err)
	}
}

// proves S11
// proves part of S08 S09
func TestUpdatePreservesServerFields(t *testing.T) {
	s := newServer(t)
	p, err := s.UpdateProduct(t.Context(), licensing.Product{Record: licensing.Record{ID: s.product.ID, Organisation: s.org, Revision: 1},
		Name: "CAD 2"})
	must(t, err)
	if !bytes.Equal(p.Keyring, s.product.Keyring) || !bytes.Equal(p.SealedKeys, s.product.SealedKeys) || p.Created != s.product.Created ||
		p.Revision != 2 {
		t.Errorf("%+v", p)
	}
	v := s.version
	v.Policy.Type = lease.Calls
	var wrong *licensing.Invalid
	if _, err := s.UpdateVersion(t.Context(), v); !errors.As(err, &wrong) || wrong.Field != "policy.type" {
		t.Errorf("another type: %v", err)
	}
	l := s.license
	l.Version, l.Product = "", ""
	l, err = s.UpdateLicense(t.Context(), l)
	must(t, err)
	equal(t, "version", l.Version, s.version.ID)
	equal(t, "product", l.Product, s.product.ID)
	if err := s.DeleteProduct(t.Context(), s.org, s.product.ID, 0); !errors.Is(err, licensing.ErrInUse) {
		t.Errorf("deleted with versions: %v", err)
	}
}

// proves L03
func TestLicenseFile(t *testing.T) {
	s := newServer(t)
	file, err := s.LicenseFile(t.Context(), s.org, s.license.ID)
	must(t, err)
	want := string(s.license.ID) + "\nui,automation\nmodeling:2,rendering\n"
	lines := strings.SplitAfter(string(file), "\n")
	if strings.Join(lines[:3], "") != want || len(lines) != 5 {
		t.Fatalf("%s", file)
	}
	keys, err := issuerKeyring(s.product.Keyring)
	must(t, err)
	signature, err := license.DecodeSignature(strings.TrimSuffix(lines[3], "\n"))
	must(t, err)
	if _, err := keys.Verify(license.UseFile, []byte(want), signature, startTime); err != nil {
		t.Error(err)
	}
	if _, err := s.LicenseFile(t.Context(), "another", s.license.ID); !errors.Is(err, licensing.ErrNotFound) {
		t.Errorf("another organisation: %v", err)
	}
}
