package pgp

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// expectSameResults compares a lazily parsed certificate with Parse's result, key by key and signature by signature. Each signature is
// checked by a keyring that has checked nothing yet, and by one that has checked the others.
func expectSameResults(t *testing.T, cert, message []byte, now time.Time, signatures map[license.Use][]byte) {
	t.Helper()
	eager, err := Parse(cert)
	lazy, lazyErr := ParseLazy(cert)
	if code(err) != code(lazyErr) {
		t.Fatalf("lazy %s, eager %s", code(lazyErr), code(err))
	}
	if err != nil {
		return
	}
	if lazy.Root() != eager.Root() || !bytes.Equal(lazy.Certificate(), eager.Certificate()) {
		t.Error("another root or canonical form")
	}
	for use, signature := range signatures {
		want, wantErr := eager.Verify(use, message, signature, now)
		for _, k := range []*Keyring{fresh(t, cert), lazy, lazy} {
			got, err := k.Verify(use, message, signature, now)
			if got != want || code(err) != code(wantErr) {
				t.Errorf("%s: lazy %v (%v), eager %v (%v)", use, got, err, want, wantErr)
			}
		}
	}
	got, want := lazy.Keys(now), eager.Keys(now)
	if x, y := mustJSON(t, got), mustJSON(t, want); !bytes.Equal(x, y) {
		t.Errorf("keys: lazy %s, eager %s", x, y)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func signatures(t *testing.T, s *SecretKeyring) map[license.Use][]byte {
	t.Helper()
	all := map[license.Use][]byte{}
	for _, use := range allUses {
		all[use] = sign(t, s, use, text, made)
	}
	return all
}

// proves L04
func TestParseLazyVectors(t *testing.T) {
	dir := filepath.Join("..", "..", "spec", "vectors", "license")
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var list []struct {
		Name, File, Keyring string
		Now                 time.Time
		Code                license.Code
	}
	if err := json.Unmarshal(read("vectors.json"), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 45 {
		t.Fatalf("only %d vectors", len(list))
	}
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			keys, err := ParseLazy(read(v.Keyring))
			if err == nil {
				_, err = license.Open(read(v.File), keys, v.Now)
			}
			expect(t, err, v.Code)
			expectSameResults(t, read(v.Keyring), text, v.Now, nil)
		})
	}
}

// A subkey with a bad binding, or one that signed back badly, is not part of the certificate; the others work as before.
//
// proves L04
func TestInvalidBindingDisablesOnlyItsKey(t *testing.T) {
	s := product(t, "Example")
	all := signatures(t, s)
	cert := s.Public().Certificate()
	at := bytes.Index(cert, s.Public().keys[2].public.Fingerprint) // in what the lease key signed back, which its binding holds
	if at < 0 {
		t.Fatal("the lease key has not signed back")
	}
	for offset := range 60 {
		spoiled := bytes.Clone(cert)
		spoiled[at+offset] ^= 1
		expectSameResults(t, spoiled, text, made, all)
	}
	spoiled := bytes.Clone(cert)
	spoiled[at] ^= 1
	k, err := ParseLazy(spoiled)
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range allUses {
		want := license.CodeOK
		if use == license.UseLease {
			want = license.CodeKeyUnknown
		}
		_, err := k.Verify(use, text, all[use], made)
		expect(t, err, want)
	}
	if n := len(k.Keys(made)); n != 4 {
		t.Errorf("%d keys, want the root and three", n)
	}
	eager, err := Parse(spoiled)
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range []*Keyring{eager, fresh(t, spoiled)} {
		for _, before := range []*Keyring{s.Public(), fresh(t, cert)} {
			for _, union := range [][2]*Keyring{{now, before}, {before, now}} { // the good binding is not lost, whoever comes first
				merged, _, err := union[0].Merge(union[1])
				if err != nil {
					t.Fatal(err)
				}
				_, err = merged.Verify(license.UseLease, text, all[license.UseLease], made)
				expect(t, err, license.CodeOK)
			}
		}
	}
}

func fresh(t *testing.T, cert []byte) *Keyring {
	t.Helper()
	k, err := ParseLazy(cert)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A fault that makes the whole certificate invalid does so whichever key is used first.
//
// proves L04
func TestParseLazyRefusesInvalidCertificates(t *testing.T) {
	s := product(t, "Example")
	all := signatures(t, s)
	for _, c := range []struct{ name, key string }{{"root", s.Public().Root()}, {"subkey", s.Public().Keys(made)[4].Fingerprint}} {
		t.Run("revocation_of_"+c.name, func(t *testing.T) {
			revoked, err := s.Revoke(c.key, ReasonSuperseded, made.Add(day))
			if err != nil {
				t.Fatal(err)
			}
			cert := revoked.Public().Certificate()
			expectSameResults(t, cert, text, made.Add(2*day), all)
			kind := byte(0x28)
			if c.name == "root" {
				kind = 0x20
			}
			cert[bytes.Index(cert, []byte{4, kind, 22})+60] ^= 1
			_, err = ParseLazy(cert)
			expect(t, err, license.CodeKeyringInvalid)
			expectSameResults(t, cert, text, made, all)
		})
	}

	packets, err := splitPackets(s.Public().Certificate())
	if err != nil {
		t.Fatal(err)
	}
	written := func(list ...*packet.OpaquePacket) []byte {
		var b bytes.Buffer
		for _, p := range list {
			if err := p.Serialize(&b); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	// The whole certificate, and its first subkey again: with a good binding or a bad one.
	whole, again := written(packets...), written(packets[3:5]...)
	bad := bytes.Clone(again)
	bad[len(bad)-1] ^= 1
	root := &packet.OpaquePacket{Tag: tagPublicSubkey, Contents: packets[0].Contents}
	for name, c := range map[string]struct {
		cert []byte
		want license.Code
	}{
		"twice_bound":         {slices.Concat(whole, again), license.CodeKeyringInvalid},
		"twice_bound_once":    {slices.Concat(whole, bad), license.CodeOK},
		"thrice_bound_twice":  {slices.Concat(whole, bad, again), license.CodeKeyringInvalid},
		"root_as_a_subkey":    {slices.Concat(whole, written(root)), license.CodeOK},
		"self_signature_gone": {slices.Concat(written(packets[0]), again), license.CodeKeyringInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseLazy(c.cert)
			expect(t, err, c.want)
			expectSameResults(t, c.cert, text, made, all)
		})
	}
}

// ParseLazy saves time because a signature checks one binding only, its own, and only once.
func TestParseLazyChecksOnlyTheSigningKey(t *testing.T) {
	s := product(t, "Example")
	k := fresh(t, s.Public().Certificate())
	open := func() (n int) {
		for _, key := range k.keys {
			if key.pending != nil {
				n++
			}
		}
		return n
	}
	if n := open(); n != 4 {
		t.Fatalf("%d bindings are unchecked, want 4", n)
	}
	for range 2 {
		if _, err := k.Verify(license.UseLease, text, sign(t, s, license.UseLease, text, made), made); err != nil {
			t.Fatal(err)
		}
		if n := open(); n != 3 {
			t.Errorf("%d bindings are unchecked after one signature, want 3", n)
		}
	}
	if eager, err := Parse(s.Public().Certificate()); err != nil || eager.source != nil {
		t.Errorf("Parse leaves something to check: %v", err)
	}
	if s.Public().source != nil {
		t.Error("a secret's keyring has something left to check")
	}
}

func BenchmarkParseLazyAndVerify(b *testing.B) {
	s := product(b, "Example")
	cert, signature := s.Public().Certificate(), sign(b, s, license.UseFile, text, made)
	for b.Loop() {
		k, err := ParseLazy(cert)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := k.Verify(license.UseFile, text, signature, made); err != nil {
			b.Fatal(err)
		}
	}
}
