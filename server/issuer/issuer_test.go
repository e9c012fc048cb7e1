package issuer

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/licensing"
)

var (
	master       = bytes.Repeat([]byte{7}, MasterKeySize)
	noon         = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	product      = license.ID("0123456789abcdef01234567")
	otherProduct = license.ID("fedcba9876543210fedcba98")
)

func newTestKeyring(t *testing.T) (i *Issuer, certificate, sealed []byte) {
	t.Helper()
	i, err := New(master, nil)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := i.NewKeyring(product, licensing.NewKeys{Name: "CAD Suite"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return i, ring.Certificate, ring.Sealed
}

func TestSignWithSealedKeys(t *testing.T) {
	t.Parallel()
	_, certificate, sealed := newTestKeyring(t)
	restarted, err := New(master, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := restarted.Keyring(certificate)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // opened, then from the cache
		signer, err := restarted.Signer(product, sealed)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := signer.Sign(license.UseLease, []byte("a lease"), noon)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Verify(license.UseLease, []byte("a lease"), signature, noon); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSealedKeysAreBoundToProductAndMasterKey(t *testing.T) {
	t.Parallel()
	i, certificate, sealed := newTestKeyring(t)
	stranger, err := New(bytes.Repeat([]byte{8}, MasterKeySize), nil)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)/2] ^= 1
	later := bytes.Clone(sealed)
	later[0]++
	cases := map[string]struct {
		issuer  *Issuer
		product license.ID
		sealed  []byte
	}{
		"another_master_key": {stranger, product, sealed},
		"another_product":    {i, otherProduct, sealed},
		"one_bit_changed":    {i, product, changed},
		"a_later_form":       {i, product, later},
		"nothing":            {i, product, nil},
		"cut_short":          {i, product, sealed[:10]},
		"certificate_only":   {i, product, certificate},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := c.issuer.Signer(c.product, c.sealed); err == nil {
				t.Fatal("the keys were opened")
			}
		})
	}
	if plain, err := pgp.ParseSecretKeyring(sealed); err == nil {
		t.Fatalf("the keys lie open: %v", plain)
	}
}

// While one master key replaces another, both open, and new seals use the current one.
//
// proves part of N04
func TestPreviousMasterKey(t *testing.T) {
	t.Parallel()
	old, certificate, sealed := newTestKeyring(t)
	next := bytes.Repeat([]byte{9}, MasterKeySize)
	both, err := New(next, nil, master)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := New(next, nil)
	if err != nil {
		t.Fatal(err)
	}
	anew, err := both.Reencrypt(product, sealed)
	if err != nil || anew == nil {
		t.Fatalf("%x, %v", anew, err)
	}
	if again, err := both.Reencrypt(product, anew); err != nil || again != nil {
		t.Errorf("twice: %x, %v", again, err)
	}
	if _, err := alone.Signer(product, anew); err != nil {
		t.Error(err)
	}
	if _, err := alone.Reencrypt(product, sealed); err == nil {
		t.Error("the old seal opens without the old key")
	}
	if _, err := old.Signer(product, anew); err == nil {
		t.Error("the new seal opens without the new key")
	}
	if _, err := both.Reencrypt(otherProduct, sealed); err == nil {
		t.Error("another product's keys were sealed anew")
	}
	keys, err := both.Keys(product, anew, noon)
	if err != nil || len(keys) != 5 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	if ring, err := both.AddKey(product, sealed, license.UseLease, time.Time{}, noon); err != nil {
		t.Error(err)
	} else if _, err := alone.Signer(product, ring.Sealed); err != nil || bytes.Equal(ring.Certificate, certificate) {
		t.Errorf("a rotation is sealed under the old key: %v", err)
	}
	if _, err := New(next, nil, master[:31]); err == nil {
		t.Error("31 bytes are a master key")
	}
}

func TestCacheFollowsRotation(t *testing.T) {
	t.Parallel()
	i, _, sealed := newTestKeyring(t)
	if _, err := i.Signer(product, sealed); err != nil {
		t.Fatal(err)
	}
	rotated, err := i.NewKeyring(product, licensing.NewKeys{Name: "CAD Suite"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := i.Signer(product, rotated.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(license.UseLease, []byte("a lease"), noon)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := i.Keyring(rotated.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Verify(license.UseLease, []byte("a lease"), signature, noon); err != nil {
		t.Fatal(err)
	}
}

func TestMasterKeySize(t *testing.T) { // proves S28
	t.Parallel()
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := New(make([]byte, n), nil); err == nil || !strings.Contains(err.Error(), "master key") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestProductNamesAsUserIDs(t *testing.T) {
	t.Parallel()
	i, _, _ := newTestKeyring(t)
	for _, name := range []string{"a", "two\nlines", strings.Repeat("ü", 200), "tab\there"} {
		if _, err := i.NewKeyring(product, licensing.NewKeys{Name: name}, noon); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Before keys could wait to be promoted, the private keys alone were sealed.
func TestLegacySealedForm(t *testing.T) {
	t.Parallel()
	i, _, _ := newTestKeyring(t)
	secret, err := pgp.Generate("CAD Suite", bytes.NewReader(bytes.Repeat([]byte{3, 1, 4, 1, 5}, 64)), noon)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := secret.Serialize()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := i.seal.close(i.random, productPurpose(product), plain)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := i.AddKey(product, sealed, license.UseFile, time.Time{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := i.Keys(product, ring.Sealed, noon)
	if err != nil || len(keys) != 6 || keys[5].State != licensing.KeyNext {
		t.Errorf("%+v, %v", keys, err)
	}
}
