package pgp

import (
	"bytes"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
)

// versioned makes a product's keys of a given version.
func versioned(t *testing.T, version int, name string) *SecretKeyring {
	t.Helper()
	s, err := GenerateVersion(version, name, seeded(name), made)
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A key of either version signs for its use, and is the same after writing and reading.
//
// proves part of L04
func TestBothVersionsRoundTrip(t *testing.T) {
	for version, length := range map[int]int{V4: 40, V6: 64} {
		s := versioned(t, version, "Example")
		written, err := s.Armored()
		must(t, err)
		certificate, err := s.Public().Armored()
		must(t, err)
		again, err := ParseSecretKeyring(written)
		must(t, err)
		keys, err := Parse(certificate)
		must(t, err)
		if len(keys.Root()) != length || len(keys.Keys(made)) != 5 || again.Public().Root() != keys.Root() {
			t.Errorf("version %d: root %s, %d keys", version, keys.Root(), len(keys.Keys(made)))
		}
		for _, use := range allUses {
			signature := sign(t, again, use, text, made.Add(day))
			if !bytes.Equal(signature, sign(t, s, use, text, made.Add(day))) {
				t.Errorf("version %d: the same text has two signatures", version)
			}
			if bytes.Equal(signature, sign(t, s, use, []byte("another"), made.Add(day))) {
				t.Errorf("version %d: two texts have one signature", version)
			}
			_, err := keys.Verify(use, text, signature, made.Add(day))
			expect(t, err, license.CodeOK)
			signature[len(signature)-1] ^= 1
			_, err = keys.Verify(use, text, signature, made.Add(day))
			expect(t, err, license.CodeSignatureInvalid)
		}
		rotated, err := again.AddKeyUntil(license.UseLease, made.Add(9*day), seeded("next"), made.Add(day))
		must(t, err)
		signature := sign(t, rotated, license.UseLease, text, made.Add(2*day))
		_, err = rotated.Public().Verify(license.UseLease, text, signature, made.Add(8*day))
		expect(t, err, license.CodeOK)
		_, err = rotated.Public().Verify(license.UseLease, text, signature, made.Add(9*day))
		expect(t, err, license.CodeKeyExpired)
		revoked, err := rotated.Revoke(rotated.SigningKey(license.UseLease, made.Add(2*day)), ReasonCompromised, made.Add(3*day))
		must(t, err)
		_, err = revoked.Public().Verify(license.UseLease, text, signature, made.Add(4*day))
		expect(t, err, license.CodeKeyCompromised)
	}
	_, err := GenerateVersion(5, "Example", seeded("x"), made)
	expect(t, err, license.CodeBadCall)
}

// A document that was signed under one version's root is refused under the other's.
func TestVersionsDoNotMix(t *testing.T) {
	old, recent := versioned(t, V4, "Example"), versioned(t, V6, "Example")
	_, err := recent.Public().Verify(license.UseFile, text, sign(t, old, license.UseFile, text, made), made)
	expect(t, err, license.CodeKeyUnknown)
	_, err = old.Public().Verify(license.UseFile, text, sign(t, recent, license.UseFile, text, made), made)
	expect(t, err, license.CodeKeyUnknown)
	r, err := NewCertificationRequest(recent.Public(), license.UseLease, seeded("asks"), made)
	must(t, err)
	_, err = old.Certify(r, license.UseLease, time.Time{}, made)
	expect(t, err, license.CodeKeyringInvalid)
}

// A server without the root key gets its next key certified: the request goes to the root, the certificate comes back.
//
// proves part of N04
func TestCertifyKeyForOfflineRoot(t *testing.T) {
	for _, version := range []int{V4, V6} {
		whole := versioned(t, version, "Example")
		online, err := whole.WithoutPrivateKeys(whole.Public().Root())
		must(t, err)
		if online.HasRootKey() || !whole.HasRootKey() || !bytes.Equal(online.Public().Certificate(), whole.Public().Certificate()) {
			t.Fatal("the root is still there, or the certificate has changed")
		}
		_, err = online.AddKey(license.UseLease, seeded("x"), made)
		expect(t, err, license.CodeKeyUse)

		kept, err := NewCertificationRequest(online.Public(), license.UseLease, seeded("next"), made.Add(day))
		must(t, err)
		stored, err := kept.Serialize()
		must(t, err)
		if kept, err = ParseCertificationRequest(stored); err != nil {
			t.Fatal(err)
		}
		carried, err := kept.Armored()
		must(t, err)
		asked, err := ParseCertificationRequest(carried)
		must(t, err)
		if asked.Key != kept.Key || asked.Use != license.UseLease || !asked.Created.Equal(made.Add(day)) {
			t.Fatalf("asked for %+v", asked)
		}
		certified, err := whole.Certify(asked, license.UseLease, time.Time{}, made.Add(2*day))
		must(t, err)
		if certified.HasPrivateKey(asked.Key) {
			t.Error("the private part travelled")
		}
		learnt, err := online.Merge(certified.Public(), kept)
		must(t, err)
		if got := learnt.SigningKey(license.UseLease, made.Add(3*day)); got != kept.Key {
			t.Errorf("signs with %s, not with the new key %s", got, kept.Key)
		}
		signature := sign(t, learnt, license.UseLease, text, made.Add(3*day))
		_, err = certified.Public().Verify(license.UseLease, text, signature, made.Add(3*day))
		expect(t, err, license.CodeOK)

		// An older certificate shown again takes nothing away.
		again, err := learnt.Merge(whole.Public())
		must(t, err)
		if !bytes.Equal(again.Public().Certificate(), learnt.Public().Certificate()) || !again.HasPrivateKey(kept.Key) {
			t.Error("an older certificate changed the keys")
		}
	}
}

// Requests that a root must not certify.
func TestRequestsThatAreRefused(t *testing.T) {
	whole, other := product(t, "Example"), product(t, "Another")
	r, err := NewCertificationRequest(whole.Public(), license.UseLease, seeded("next"), made)
	must(t, err)
	_, err = whole.Certify(r, license.UseFile, time.Time{}, made)
	expect(t, err, license.CodeKeyUse)
	_, err = other.Certify(r, license.UseLease, time.Time{}, made)
	expect(t, err, license.CodeSignatureInvalid)
	_, err = whole.Certify(r, license.UseLease, made.Add(-day), made)
	expect(t, err, license.CodeBadCall)
	certified, err := whole.Certify(r, license.UseLease, time.Time{}, made)
	must(t, err)
	_, err = certified.Certify(r, license.UseLease, time.Time{}, made)
	expect(t, err, license.CodeBadCall)
	_, err = whole.Merge(other.Public(), r)
	expect(t, err, license.CodeWrongRoot)
	_, err = NewCertificationRequest(whole.Public(), "everything", seeded("x"), made)
	expect(t, err, license.CodeBadCall)

	stored, err := r.Serialize()
	must(t, err)
	secret, err := whole.Serialize()
	must(t, err)
	for name, data := range map[string][]byte{
		"nothing": nil, "garbage": []byte("not a request"), "cut": stored[:len(stored)/2], "twice": append(bytes.Clone(stored), stored...),
		"secret": secret, "certificate": whole.Public().Certificate(),
	} {
		if _, err := ParseCertificationRequest(data); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	for i := range stored { // every byte counts: it is refused when it is read, or by the root
		changed := bytes.Clone(stored)
		changed[i] ^= 1
		r, err := ParseCertificationRequest(changed)
		if err != nil {
			continue
		}
		if c, err := whole.Certify(r, license.UseLease, time.Time{}, made); err == nil &&
			c.Public().Keys(made)[5].Fingerprint != certified.Public().Keys(made)[5].Fingerprint {
			t.Errorf("byte %d was changed and the key certified", i)
		}
	}
}

// FuzzParseRequest parses requests from a machine that may have been taken over.
func FuzzParseRequest(f *testing.F) {
	s, err := Generate("Example", seeded("Example"), made)
	if err != nil {
		f.Fatal(err)
	}
	r, err := NewCertificationRequest(s.Public(), license.UseLease, seeded("next"), made)
	if err != nil {
		f.Fatal(err)
	}
	text, err := r.Armored()
	if err != nil {
		f.Fatal(err)
	}
	binary, err := r.Serialize()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(binary)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseCertificationRequest(data)
		if err != nil {
			return
		}
		if certified, err := s.Certify(r, r.Use, time.Time{}, made.Add(day)); err == nil && len(certified.Public().Keys(made.Add(day))) != 6 {
			t.Error("certified, and no key of the certificate")
		}
	})
}
