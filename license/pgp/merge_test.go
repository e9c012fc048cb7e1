package pgp

import (
	"bytes"
	"testing"

	"github.com/onelicense/onelicense/license"
)

// The merged keyring has what either certificate has: a revocation that an older copy lacks, and a key that a restored backup lacks.
//
// proves N04
func TestMergeKeepsKeysAndRevocations(t *testing.T) {
	s := product(t, "Example")
	old := s.Public()
	leaseKey := old.Keys(made)[2]
	signed := sign(t, s, license.UseLease, text, made)
	revoked, err := s.Revoke(leaseKey.Fingerprint, ReasonCompromised, made.Add(day))
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := s.AddKey(license.UseLease, seeded("another"), made.Add(day))
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range [][2]*Keyring{{revoked.Public(), rotated.Public()}, {rotated.Public(), revoked.Public()}} {
		merged, certificate, err := order[0].Merge(order[1])
		if err != nil {
			t.Fatal(err)
		}
		_, err = merged.Verify(license.UseLease, text, signed, made.Add(2*day))
		expect(t, err, license.CodeKeyCompromised)
		_, err = merged.Verify(license.UseLease, text, sign(t, rotated, license.UseLease, text, made.Add(2*day)), made.Add(2*day))
		expect(t, err, license.CodeOK)
		for _, with := range []*Keyring{old, order[0], order[1]} { // nothing is left to add
			if _, again, err := merged.Merge(with); err != nil || !bytes.Equal(again, certificate) {
				t.Errorf("a second union changes it: %v", err)
			}
		}
	}
	if _, certificate, err := revoked.Public().Merge(old); err != nil || !bytes.Equal(certificate, revoked.Public().Certificate()) {
		t.Errorf("an older copy changes it: %v", err)
	}
	if _, _, err := old.Merge(product(t, "Another").Public()); err == nil {
		t.Error("two products have a union")
	}
}
