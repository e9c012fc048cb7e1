package issuer

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/licensing"
)

// maxCertificate bounds what every program has to keep: the module takes no more (spec/license-file.md, "Limits").
const maxCertificate = 32 << 10

// change opens what is sealed, changes it and seals it again.
func (i *Issuer) change(product license.ID, sealed []byte, do func(*ring) error) (licensing.Ring, error) {
	old, err := i.open(product, sealed)
	if err != nil {
		return licensing.Ring{}, err
	}
	r := &ring{secret: old.secret, next: slices.Clone(old.next), requested: slices.Clone(old.requested)}
	if err := r.settle(); err != nil {
		return licensing.Ring{}, err
	}
	if err := do(r); err != nil {
		return licensing.Ring{}, err
	}
	if err := r.settle(); err != nil {
		return licensing.Ring{}, err
	}
	return i.closed(product, r)
}

// closed is the ring as a record has it.
func (i *Issuer) closed(product license.ID, r *ring) (licensing.Ring, error) {
	certificate := r.secret.Public().Certificate()
	if len(certificate) > maxCertificate {
		return licensing.Ring{}, license.Refuse(license.CodeKeyringInvalid, "%d bytes, at most %d are allowed", len(certificate), maxCertificate)
	}
	plain, err := r.serialize()
	if err != nil {
		return licensing.Ring{}, err
	}
	defer clear(plain)
	sealed, err := i.seal.close(i.random, ofProduct(product), plain)
	return licensing.Ring{Certificate: certificate, Sealed: sealed}, err
}

// AddKey makes the next key for a use. It does not sign before it is promoted; without the root it must be certified before that.
func (i *Issuer) AddKey(product license.ID, sealed []byte, use license.Use, end, now time.Time) (licensing.Ring, error) {
	return i.change(product, sealed, func(r *ring) (err error) {
		if k := r.waiting(use, now); k != "" {
			return licensing.Conflicting(licensing.KeyWaiting, "key %s waits to become the %s key: promote or take back that one first", k, use)
		}
		if !r.secret.HoldsRoot() {
			if !end.IsZero() {
				return &licensing.Invalid{Field: "expires", Problem: "is decided where the root is: leave it out"}
			}
			q, err := pgp.NewRequest(r.secret.Public(), use, i.random, now)
			if err != nil {
				return err
			}
			r.requested = append(r.requested, q)
			return nil
		}
		known := r.secret.Public().Keys(now)
		if r.secret, err = r.secret.AddKeyUntil(use, end, i.random, now); err != nil {
			return err
		}
		for _, k := range r.secret.Public().Keys(now) {
			if !slices.ContainsFunc(known, func(old pgp.Key) bool { return old.Fingerprint == k.Fingerprint }) {
				r.next = append(r.next, k.Fingerprint)
			}
		}
		return nil
	})
}

// TurnKey does one thing to one key.
func (i *Issuer) TurnKey(product license.ID, sealed []byte, fingerprint string, turn licensing.Turn, now time.Time) (licensing.Ring, error) {
	return i.change(product, sealed, func(r *ring) error {
		if turn == licensing.TakeBack {
			n := len(r.requested)
			r.requested = slices.DeleteFunc(r.requested, func(q *pgp.Request) bool { return q.Key == fingerprint })
			if len(r.requested) < n {
				return nil
			}
		}
		k, there := r.find(fingerprint, now)
		switch {
		case !there:
			return licensing.ErrNotFound
		case k.Primary:
			return licensing.Conflicting(licensing.KeyNotSo, "%s is the root: a product whose root is no good needs new keys, and programs a new pin", fingerprint)
		}
		switch turn {
		case licensing.Promote:
			return r.promote(k)
		case licensing.Retire:
			return r.retire(k, now)
		case licensing.Compromise:
			return i.compromise(r, k, now)
		}
		return licensing.Conflicting(licensing.KeyNotSo, "key %s is in the certificate and cannot be taken back: retire it", fingerprint)
	})
}

func (r *ring) promote(k pgp.Key) error {
	if !slices.Contains(r.next, k.Fingerprint) || k.State != pgp.Current {
		return licensing.Conflicting(licensing.KeyNotSo, "key %s is %s; only the next key can be promoted", k.Fingerprint, k.State)
	}
	r.promoted(k.Fingerprint)
	return nil
}

// retire revokes the key as superseded where the root is. Elsewhere the product's statement says so, which is enough.
func (r *ring) retire(k pgp.Key, now time.Time) (err error) {
	switch {
	case k.State != pgp.Current:
		return licensing.Conflicting(licensing.KeyNotSo, "key %s is %s", k.Fingerprint, k.State)
	case slices.ContainsFunc(k.Uses, func(use license.Use) bool { return r.signer.Signing(use, now) == k.Fingerprint }):
		return licensing.Conflicting(licensing.KeySigns, "key %s signs at present: promote another first", k.Fingerprint)
	}
	r.promoted(k.Fingerprint) // it will never sign
	if r.secret.HoldsRoot() {
		r.secret, err = r.secret.Revoke(k.Fingerprint, pgp.ReasonSuperseded, now)
	}
	return err
}

// compromise revokes the key where the root is, forgets its private part, and has another sign in its place.
func (i *Issuer) compromise(r *ring, k pgp.Key, now time.Time) (err error) {
	if k.State == pgp.Compromised {
		return licensing.Conflicting(licensing.KeyNotSo, "key %s is compromised already", k.Fingerprint)
	}
	signed := slices.DeleteFunc(slices.Clone(k.Uses), func(use license.Use) bool { return r.signer.Signing(use, now) != k.Fingerprint })
	r.promoted(k.Fingerprint)
	if r.secret.HoldsRoot() {
		if r.secret, err = r.secret.Revoke(k.Fingerprint, pgp.ReasonCompromised, now); err != nil {
			return err
		}
	}
	if r.secret, err = r.secret.Without(k.Fingerprint); err != nil {
		return err
	}
	return i.succeed(r, signed, now)
}

// LearnKeys takes over what the root has certified and revoked elsewhere. Keys that were requested here become next.
func (i *Issuer) LearnKeys(product license.ID, sealed, certificate []byte, now time.Time) (licensing.Ring, error) {
	from, err := pgp.Parse(certificate)
	if err != nil {
		return licensing.Ring{}, err
	}
	return i.change(product, sealed, func(r *ring) (err error) {
		signed := slices.DeleteFunc(slices.Clone(licensing.ServerUses), func(use license.Use) bool { return r.signer.Signing(use, now) == "" })
		before := r.secret.Public().Certificate()
		if r.secret, err = r.secret.Learn(from, r.requested...); err != nil {
			return err
		}
		if bytes.Equal(before, r.secret.Public().Certificate()) {
			return licensing.Conflicting(licensing.NothingNew, "the certificate holds nothing that is not known already")
		}
		var open []*pgp.Request
		for _, q := range r.requested {
			k, certified := r.find(q.Key, now)
			switch {
			case !certified:
				open = append(open, q)
			case !slices.Equal(k.Uses, []license.Use{q.Use}):
				return license.Refuse(license.CodeKeyUse, "key %s is certified for %v, requested was %s", q.Key, k.Uses, q.Use)
			default:
				r.next = append(r.next, q.Key)
			}
		}
		r.requested = open
		return i.succeed(r, signed, now)
	})
}

// imported reads keys that were made elsewhere and makes those that a server needs and they lack, where the root is among them.
func (i *Issuer) imported(data []byte, now time.Time) (*ring, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----")) {
		return nil, license.Refuse(license.CodeKeyringInvalid, "what was sent as private keys is not an armored block of them")
	}
	secret, err := pgp.ParseSecret(data)
	if err != nil {
		return nil, err
	}
	for _, use := range licensing.ServerUses {
		switch {
		case secret.Signing(use, now) != "":
		case !secret.HoldsRoot():
			return nil, &licensing.Invalid{Field: "keys.private", Problem: fmt.Sprintf(
				"has no key that is good for a %s: make one where the root is (onelicense keys rotate --use %s)", use, use)}
		default:
			if secret, err = secret.AddKey(use, i.random, now); err != nil {
				return nil, err
			}
		}
	}
	r := &ring{secret: secret}
	return r, r.settle()
}
