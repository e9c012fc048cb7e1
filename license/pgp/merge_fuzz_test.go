package pgp

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// packetPool returns the packets of a product through its life, of another product, and of nobody: everything from which an attacker, or
// a backup, could build certificates.
func packetPool(f *testing.F) (root int, all []*packet.OpaquePacket) {
	s := product(f, "Example")
	grow := func(next *SecretKeyring, err error) {
		if err != nil {
			f.Fatal(err)
		}
		s = next
	}
	versions := []*SecretKeyring{s}
	grow(s.AddKey(license.UseLease, seeded("second"), made.Add(day)))
	versions = append(versions, s)
	grow(s.Revoke(s.public.keys[2].fingerprint, ReasonCompromised, made.Add(2*day)))
	versions = append(versions, s)
	grow(s.Revoke(s.public.keys[1].fingerprint, ReasonRetired, made.Add(2*day)))
	grow(s.Revoke(s.public.keys[1].fingerprint, ReasonRetired, made.Add(day)))
	versions = append(versions, s)
	grow(s.Revoke(s.public.keys[0].fingerprint, ReasonSuperseded, made.Add(3*day)))
	versions = append(versions, s, product(f, "Mallory"))
	for _, s := range versions {
		list, err := splitPackets(s.Public().Certificate())
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range list {
			if !containsPacket(all, p) {
				all = append(all, p)
			}
		}
	}
	return 0, append(all, &packet.OpaquePacket{Tag: tagUserID, Contents: []byte("nobody")},
		&packet.OpaquePacket{Tag: tagUserAttribute, Contents: []byte{1}})
}

// assembled builds a certificate from a recipe: each byte selects a packet; 0xF0 and more flips a bit of the next one.
func assembled(recipe []byte, all []*packet.OpaquePacket) []byte {
	var b bytes.Buffer
	for i := 0; i < len(recipe); i++ {
		if recipe[i] < 0xF0 {
			_ = all[int(recipe[i])%len(all)].Serialize(&b)
			continue
		}
		if i+2 < len(recipe) {
			p := all[int(recipe[i+2])%len(all)]
			p = &packet.OpaquePacket{Tag: p.Tag, Contents: slices.Clone(p.Contents)}
			p.Contents[int(recipe[i+1])%len(p.Contents)] ^= 1 << (recipe[i] & 7)
			_ = p.Serialize(&b)
			i += 2
		}
	}
	return b.Bytes()
}

// recipe returns the recipe of a certificate, for seeds.
func recipe(f *testing.F, s *SecretKeyring, all []*packet.OpaquePacket) (list []byte) {
	f.Helper()
	packets, err := splitPackets(s.Public().Certificate())
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range packets {
		list = append(list, byte(slices.IndexFunc(all, func(q *packet.OpaquePacket) bool { return equalPackets(p, q) })))
	}
	return list
}

// acceptedKeys returns everything that a keyring decides.
func acceptedKeys(k *Keyring, now time.Time) map[string]Key {
	m := map[string]Key{}
	for _, key := range k.Keys(now) {
		slices.Sort(key.Uses)
		m[key.Fingerprint] = key
	}
	return m
}

// FuzzMerge checks that merging two certificates of one root loses no key and no revocation, in whatever order and however often they are
// merged.
//
// proves part of N04
func FuzzMerge(f *testing.F) {
	_, all := packetPool(f)
	s := product(f, "Example")
	base := recipe(f, s, all)
	more, _ := s.AddKey(license.UseLease, seeded("second"), made.Add(day))
	revoked, _ := more.Revoke(more.public.keys[2].fingerprint, ReasonCompromised, made.Add(2*day))
	retired, _ := revoked.Revoke(more.public.keys[1].fingerprint, ReasonRetired, made.Add(2*day))
	ended, _ := retired.Revoke(more.public.Root(), ReasonSuperseded, made.Add(3*day))
	for _, x := range []*SecretKeyring{s, more, revoked, retired, ended} {
		for _, y := range []*SecretKeyring{s, revoked, retired, ended} {
			f.Add(recipe(f, x, all), recipe(f, y, all))
		}
	}
	f.Add(base[:5], append(slices.Clone(base[:3]), base[5:]...))
	f.Add(append(slices.Clone(base), base[5]), base)
	f.Add(slices.Insert(slices.Clone(base), 3, base[3]), base) // one key, with and without its binding
	f.Add([]byte{0, 1, 2, 28, 28, 19}, []byte{0, 1, 2, 18})
	f.Fuzz(func(t *testing.T, x, y []byte) {
		if len(x) > 48 || len(y) > 48 {
			return
		}
		parse := Parse
		if len(x)%2 == 1 {
			parse = ParseLazy
		}
		a, errA := parse(assembled(x, all))
		b, errB := parse(assembled(y, all))
		if errA != nil || errB != nil {
			return
		}
		ab, _, err := mergeCertificates(a, b)
		ba, _, otherErr := mergeCertificates(b, a)
		if a.Root() != b.Root() {
			expect(t, err, license.CodeWrongRoot)
			return
		}
		if err != nil || otherErr != nil {
			t.Fatalf("no union: %v, %v", err, otherErr)
		}
		for _, now := range []time.Time{made, made.Add(36 * time.Hour), made.Add(5 * day)} {
			one, two, first, second := acceptedKeys(a, now), acceptedKeys(b, now), acceptedKeys(ab, now), acceptedKeys(ba, now)
			if fmt.Sprint(first) != fmt.Sprint(second) {
				t.Fatalf("the order matters:\n%v\n%v", first, second)
			}
			for _, part := range []map[string]Key{one, two} {
				for fingerprint, k := range part {
					u, kept := first[fingerprint]
					switch {
					case !kept:
						t.Fatalf("key %s is lost", fingerprint)
					case !k.Revoked.IsZero() && (u.Revoked.IsZero() || u.Revoked.After(k.Revoked)):
						t.Fatalf("key %s was revoked at %s and is at %s", fingerprint, k.Revoked, u.Revoked)
					case k.State == Compromised && u.State != Compromised, k.State == Retired && u.State == Current:
						t.Fatalf("key %s was %s and is %s", fingerprint, k.State, u.State)
					}
				}
			}
			for fingerprint := range first {
				if one[fingerprint].Fingerprint == "" && two[fingerprint].Fingerprint == "" {
					t.Fatalf("key %s is in neither", fingerprint)
				}
			}
		}
		for _, again := range []*Keyring{a, b, ab} {
			if _, certificate, err := mergeCertificates(ab, again); err != nil || !bytes.Equal(certificate, ab.certificate) {
				t.Fatalf("seen again, it is another: %v", err)
			}
		}
		if k, err := Parse(ab.Certificate()); err != nil || fmt.Sprint(acceptedKeys(k, made)) != fmt.Sprint(acceptedKeys(ab, made)) {
			t.Fatalf("saved and read again, it is another: %v", err)
		}
	})
}

// mergeCertificates merges two keyrings and checks all bindings.
func mergeCertificates(a, b *Keyring) (*Keyring, []byte, error) {
	merged, certificate, err := a.Merge(b)
	if err != nil {
		return nil, nil, err
	}
	k := merged.(*Keyring)
	return k, certificate, k.checkAllBindings()
}
