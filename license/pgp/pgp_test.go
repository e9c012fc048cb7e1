package pgp

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

var (
	made = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	day  = 24 * time.Hour
	text = []byte("5edb1264cc150913cb7640f8\nui\nrendering:5\n")
)

// seeded returns a reader of bytes that follow from a name.
func seeded(name string) io.Reader { return rand.NewChaCha8(sha256.Sum256([]byte(name))) }

func product(t testing.TB, name string) *SecretKeyring {
	t.Helper()
	s, err := Generate(name, seeded(name), made)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, s *SecretKeyring, use license.Use, message []byte, at time.Time) []byte {
	t.Helper()
	signature, err := s.Sign(use, message, at)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func code(err error) license.Code {
	var refusal *license.Error
	switch {
	case err == nil:
		return license.CodeOK
	case errors.As(err, &refusal):
		return refusal.Code
	}
	return license.Code("not a refusal: " + err.Error())
}

func expect(t *testing.T, err error, want license.Code) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}

// proves L04
func TestEachUseHasItsOwnKey(t *testing.T) {
	s := product(t, "Example")
	if len(s.Public().Keys(made)) != 5 {
		t.Fatalf("%d keys, not 5", len(s.Public().Keys(made)))
	}
	for _, signed := range allUses {
		signature := sign(t, s, signed, text, made)
		for _, asked := range allUses {
			_, err := s.Public().Verify(asked, text, signature, made)
			switch {
			case signed == asked:
				expect(t, err, license.CodeOK)
			case signed == license.UseFile || asked == license.UseFile:
				expect(t, err, license.CodeSignatureType)
			default:
				expect(t, err, license.CodeKeyUse)
			}
		}
	}
}

// proves L04
// proves part of N04
func TestRotationAndRevocation(t *testing.T) {
	old := product(t, "Example")
	before := sign(t, old, license.UseFile, text, made.Add(day))
	rotated, err := old.AddKey(license.UseFile, seeded("second"), made.Add(2*day))
	if err != nil {
		t.Fatal(err)
	}
	after := sign(t, rotated, license.UseFile, text, made.Add(3*day))
	if bytes.Equal(before, after) || rotated.Public().Root() != old.Public().Root() {
		t.Fatal("the newest key does not sign, or the root changed")
	}
	late := sign(t, old, license.UseFile, text, made.Add(5*day))
	now := made.Add(6 * day)
	_, err = old.Public().Verify(license.UseFile, text, after, now)
	expect(t, err, license.CodeKeyUnknown) // who has the old certificate does not know the new key
	first := old.Public().Keys(made)[1].Fingerprint
	for _, c := range []struct {
		name                string
		key                 string
		reason              RevocationReason
		before, after, late license.Code
		state               State
	}{
		{"superseded", first, ReasonSuperseded, license.CodeOK, license.CodeOK, license.CodeKeyRetired, Retired},
		{"retired", first, ReasonRetired, license.CodeOK, license.CodeOK, license.CodeKeyRetired, Retired},
		{"compromised", first, ReasonCompromised, license.CodeKeyCompromised, license.CodeOK, license.CodeKeyCompromised, Compromised},
		{"no_reason", first, 0, license.CodeKeyCompromised, license.CodeOK, license.CodeKeyCompromised, Compromised},
		{"root_superseded", old.Public().Root(), ReasonSuperseded, license.CodeOK, license.CodeOK, license.CodeKeyRetired, Retired},
		{"root_compromised", old.Public().Root(), ReasonCompromised, license.CodeKeyCompromised, license.CodeKeyCompromised,
			license.CodeKeyCompromised, Compromised},
	} {
		t.Run(c.name, func(t *testing.T) {
			revoked, err := rotated.Revoke(c.key, c.reason, made.Add(4*day))
			if err != nil {
				t.Fatal(err)
			}
			for _, check := range []struct {
				signature []byte
				want      license.Code
			}{{before, c.before}, {after, c.after}, {late, c.late}} {
				_, err := revoked.Public().Verify(license.UseFile, text, check.signature, now)
				expect(t, err, check.want)
			}
			if got := revoked.Public().Keys(now)[1]; got.State != c.state || !got.Revoked.Equal(made.Add(4*day)) {
				t.Errorf("state %s, revoked %s", got.State, got.Revoked)
			}
			if strings.HasPrefix(c.name, "root") {
				_, err := revoked.Sign(license.UseFile, text, now)
				expect(t, err, license.CodeKeyUse)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	s := product(t, "Example")
	signature := sign(t, s, license.UseLease, text, made.Add(day))
	for _, c := range []struct {
		name string
		now  time.Time
		want license.Code
	}{
		{"same_second", made.Add(day), license.CodeOK},
		{"clock_behind_within_tolerance", made.Add(day - ClockTolerance), license.CodeOK},
		{"clock_behind", made.Add(day - ClockTolerance - time.Second), license.CodeSignatureFuture},
		{"clock_unset", time.Unix(0, 0), license.CodeSignatureFuture},
		{"years_later", made.Add(20 * 365 * day), license.CodeOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Public().Verify(license.UseLease, text, signature, c.now)
			expect(t, err, c.want)
		})
	}
	_, err := s.Sign(license.UseLease, text, made.Add(-time.Second))
	expect(t, err, license.CodeKeyUse)
}

// A signature has one form: if any bit is changed, it is refused.
//
// proves L04
func TestEveryBitOfSignatureMatters(t *testing.T) {
	s := product(t, "Example")
	signature := sign(t, s, license.UseFile, text, made)
	for i := range signature {
		for bit := range 8 {
			changed := bytes.Clone(signature)
			changed[i] ^= 1 << bit
			if _, err := s.Public().Verify(license.UseFile, text, changed, made); err == nil {
				t.Errorf("bit %d of byte %d may be changed", bit, i)
			}
		}
	}
	for n := range signature {
		if _, err := s.Public().Verify(license.UseFile, text, signature[:n], made); err == nil {
			t.Errorf("%d bytes are enough", n)
		}
	}
}

// proves L04
func TestExactlyOnePacket(t *testing.T) {
	s := product(t, "Example")
	signature := sign(t, s, license.UseFile, text, made)
	body := signature[2:]
	for name, changed := range map[string][]byte{
		"two_signatures":     append(bytes.Clone(signature), signature...),
		"garbage_after":      append(bytes.Clone(signature), 0),
		"garbage_inside":     append([]byte{0xc2, byte(len(body) + 1)}, append(bytes.Clone(body), 0)...),
		"marker_before":      append([]byte{0xca, 3, 'P', 'G', 'P'}, signature...),
		"partial_length":     append([]byte{0xc2, 0xe6}, body...),
		"indeterminate":      append([]byte{0x8b}, body...),
		"literal":            append([]byte{0xcb, byte(len(body))}, body...),
		"negative_length":    append([]byte{0xc2, 0xff, 0xff, 0xff, 0xff, 0xff}, body...),
		"armored":            []byte("-----BEGIN PGP SIGNATURE-----"),
		"empty":              nil,
		"one_byte":           {0xc2},
		"version_3":          append([]byte{0xc2, byte(len(body)), 3}, body[1:]...),
		"another_type_after": append(bytes.Clone(signature), 0xca, 3, 'P', 'G', 'P'),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Public().Verify(license.UseFile, text, changed, made)
			expect(t, err, license.CodeSignatureFormat)
		})
	}
	// The same packet under GnuPG's older header is the same packet.
	_, err := s.Public().Verify(license.UseFile, text, append([]byte{0x88, byte(len(body))}, body...), made)
	expect(t, err, license.CodeOK)
}

// A number with leading zeros is written shorter; one signature in a hundred is.
func TestIntegersWithLeadingZeros(t *testing.T) {
	s := product(t, "Example")
	usual, short := len(sign(t, s, license.UseLease, text, made)), 0
	for i := range 500 {
		message := fmt.Appendf(nil, "message %d", i)
		signature := sign(t, s, license.UseLease, message, made)
		if len(signature) < usual {
			short++
		}
		if _, err := s.Public().Verify(license.UseLease, message, signature, made); err != nil {
			t.Fatal(err)
		}
	}
	if short == 0 {
		t.Error("no short number came up")
	}
}

func TestDeterministicOutput(t *testing.T) {
	a, b := product(t, "Example"), product(t, "Example")
	x, _ := a.Armored()
	y, _ := b.Armored()
	if !bytes.Equal(x, y) || !bytes.Equal(sign(t, a, license.UseLease, text, made), sign(t, b, license.UseLease, text, made)) {
		t.Error("keys or signatures depend on more than their arguments")
	}
}

func TestRoundTrip(t *testing.T) {
	s := product(t, "Example")
	binary, err := s.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	armored, err := s.Armored()
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range [][]byte{binary, armored} {
		again, err := ParseSecretKeyring(form)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Public().Certificate(), s.Public().Certificate()) {
			t.Error("the certificate changed")
		}
		if got, err := again.Serialize(); err != nil || !bytes.Equal(got, binary) {
			t.Errorf("the secret changed: %v", err)
		}
	}
	public, err := s.Public().Armored()
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range [][]byte{public, s.Public().Certificate(), bytes.ReplaceAll(public, []byte("\n"), []byte("\r\n"))} {
		again, err := Parse(form)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Certificate(), s.Public().Certificate()) || again.Root() != s.Public().Root() {
			t.Error("the certificate changed")
		}
	}
}

func TestParseRefusesInvalidCertificates(t *testing.T) {
	s, other := product(t, "Example"), product(t, "Other")
	secret, _ := s.Serialize()
	armoredSecret, _ := s.Armored()
	armored, _ := s.Public().Armored()
	cert := s.Public().Certificate()
	revoked, err := s.Revoke(s.Public().Root(), ReasonSuperseded, made)
	if err != nil {
		t.Fatal(err)
	}
	spoiled := revoked.Public().Certificate()
	at := bytes.Index(spoiled, []byte{4, 0x20, 22}) // the revocation, whose number is changed
	spoiled[at+60] ^= 1
	for name, data := range map[string][]byte{
		"empty":                 nil,
		"blank":                 []byte("  \n"),
		"text":                  []byte("hello"),
		"secret":                secret,
		"armored_secret":        armoredSecret,
		"two_certificates":      append(bytes.Clone(cert), other.Public().Certificate()...),
		"two_armored":           append(bytes.Clone(armored), armored...),
		"text_before_armor":     append([]byte("Our key:\n"), armored...),
		"text_after_armor":      append(bytes.Clone(armored), "bye"...),
		"truncated":             cert[:len(cert)-1],
		"garbage_after":         append(bytes.Clone(cert), 0),
		"signature_only":        sign(t, s, license.UseFile, text, made),
		"literal_after":         append(bytes.Clone(cert), 0xcb, 1, 'x'),
		"huge":                  bytes.Repeat([]byte{0xcd}, MaxCertificate+1),
		"key_without_signature": cert[:53],
		"revocation_spoiled":    spoiled,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(data)
			expect(t, err, license.CodeKeyringInvalid)
		})
	}
}

func TestKeyNames(t *testing.T) {
	for _, name := range []string{"", "two\nlines", "nul\x00", "\xff", strings.Repeat("x", 256)} {
		_, err := Generate(name, seeded("x"), made)
		expect(t, err, license.CodeBadCall)
	}
	if _, err := Generate("short", strings.NewReader("not enough"), made); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestConcurrentSigning(t *testing.T) {
	s := product(t, "Example")
	want := sign(t, s, license.UseLease, text, made)
	errs := make(chan error, 8)
	var all sync.WaitGroup
	for range cap(errs) {
		all.Go(func() {
			for range 50 {
				got, err := s.Sign(license.UseLease, text, made)
				if err == nil && !bytes.Equal(got, want) {
					err = fmt.Errorf("another signature")
				}
				if err == nil {
					_, err = s.Public().Verify(license.UseLease, text, got, made)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

func BenchmarkVerify(b *testing.B) {
	s := product(b, "Example")
	signature := sign(b, s, license.UseFile, text, made)
	for b.Loop() {
		if _, err := s.Public().Verify(license.UseFile, text, signature, made); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	s := product(b, "Example")
	for b.Loop() {
		if _, err := s.Sign(license.UseLease, text, made); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	cert := product(b, "Example").Public().Certificate()
	for b.Loop() {
		if _, err := Parse(cert); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	s := product(f, "Example")
	f.Add(text, sign(f, s, license.UseFile, text, made))
	f.Add(text, sign(f, s, license.UseLease, text, made))
	f.Add([]byte{}, []byte{0x88, 0})
	f.Fuzz(func(t *testing.T, message, signature []byte) {
		for _, use := range allUses {
			_, err := s.Public().Verify(use, message, signature, made)
			if err == nil && !bytes.Equal(withCRLF(message), withCRLF(text)) {
				t.Errorf("%q verifies over another text", signature)
			}
			var refusal *license.Error
			if err != nil && !errors.As(err, &refusal) {
				t.Errorf("%v is no refusal", err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	s := product(f, "Example")
	armored, _ := s.Public().Armored()
	secret, _ := s.Serialize()
	f.Add(s.Public().Certificate())
	f.Add(armored)
	f.Add(secret)
	signature := sign(f, s, license.UseFile, text, made)
	f.Fuzz(func(t *testing.T, data []byte) {
		expectSameResults(t, data, text, made, map[license.Use][]byte{license.UseFile: signature})
		if k, err := Parse(data); err == nil {
			again, err := Parse(k.Certificate())
			if err != nil || !bytes.Equal(again.Certificate(), k.Certificate()) {
				t.Errorf("the canonical form is none: %v", err)
			}
			_, _ = k.Verify(license.UseFile, text, signature, made)
			_ = k.Keys(made)
		} else if code(err) != license.CodeKeyringInvalid {
			t.Errorf("got %v", err)
		}
		if s, err := ParseSecretKeyring(data); err == nil {
			_, _ = s.Sign(license.UseFile, text, made)
		} else if code(err) != license.CodeKeyringInvalid {
			t.Errorf("got %v", err)
		}
	})
}
