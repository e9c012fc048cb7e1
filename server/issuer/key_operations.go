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

// maxCertificateSize bounds what every program has to keep; the module accepts no more (spec/license-file.md, "Limits").
const maxCertificateSize = 32 << 10

// update opens a sealed keyring, changes a copy and seals it.
func (i *Issuer) update(product license.ID, sealed []byte, do func(*keyring) error) (licensing.SealedKeys, error) {
	old, err := i.openKeyring(product, sealed)
	if err != nil {
		return licensing.SealedKeys{}, err
	}
	r := &keyring{secret: old.secret, next: slices.Clone(old.next), requested: slices.Clone(old.requested)}
	if err := r.updateSigner(); err != nil {
		return licensing.SealedKeys{}, err
	}
	if err := do(r); err != nil {
		return licensing.SealedKeys{}, err
	}
	if err := r.updateSigner(); err != nil {
		return licensing.SealedKeys{}, err
	}
	return i.sealKeyring(product, r)
}

// sealKeyring returns the stored form of a keyring.
func (i *Issuer) sealKeyring(product license.ID, r *keyring) (licensing.SealedKeys, error) {
	certificate := r.secret.Public().Certificate()
	if len(certificate) > maxCertificateSize {
		return licensing.SealedKeys{}, license.Refuse(license.CodeKeyringInvalid, "%d bytes, at most %d are allowed", len(certificate),
			maxCertificateSize)
	}
	plain, err := r.serialize()
	if err != nil {
		return licensing.SealedKeys{}, err
	}
	defer clear(plain)
	sealed, err := i.seal.close(i.random, productPurpose(product), plain)
	return licensing.SealedKeys{Certificate: certificate, Sealed: sealed}, err
}

// AddKey creates the next key for a use. The key does not sign before it is promoted; without the root here, it must be certified first.
func (i *Issuer) AddKey(product license.ID, sealed []byte, use license.Use, end, now time.Time) (licensing.SealedKeys, error) {
	return i.update(product, sealed, func(r *keyring) (err error) {
		if k := r.pendingKey(use, now); k != "" {
			return licensing.NewConflict(licensing.CodeKeyPendingExists,
				"key %s already waits to become the %s key; promote it or cancel its request first", k, use)
		}
		if !r.secret.HasRootKey() {
			if !end.IsZero() {
				return &licensing.Invalid{Field: "expires", Problem: "is set where the root key is; leave it out"}
			}
			q, err := pgp.NewCertificationRequest(r.secret.Public(), use, i.random, now)
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

// ChangeKeyState promotes, retires or compromises a key, or cancels the request for one.
func (i *Issuer) ChangeKeyState(product license.ID, sealed []byte, fingerprint string, turn licensing.KeyAction,
	now time.Time) (licensing.SealedKeys, error) {
	return i.update(product, sealed, func(r *keyring) error {
		if turn == licensing.CancelKeyRequest {
			n := len(r.requested)
			r.requested = slices.DeleteFunc(r.requested, func(q *pgp.CertificationRequest) bool { return q.Key == fingerprint })
			if len(r.requested) < n {
				return nil
			}
		}
		k, there := r.find(fingerprint, now)
		switch {
		case !there:
			return licensing.ErrNotFound
		case k.Primary:
			return licensing.NewConflict(licensing.CodeKeyWrongState,
				"%s is the root key; a product whose root is compromised needs new keys, and its programs a new pin", fingerprint)
		}
		switch turn {
		case licensing.PromoteKey:
			return r.promoteKey(k)
		case licensing.RetireKey:
			return r.retireKey(k, now)
		case licensing.CompromiseKey:
			return i.compromiseKey(r, k, now)
		}
		return licensing.NewConflict(licensing.CodeKeyWrongState,
			"key %s is in the certificate, so its request cannot be cancelled; retire the key", fingerprint)
	})
}

func (r *keyring) promoteKey(k pgp.Key) error {
	if !slices.Contains(r.next, k.Fingerprint) || k.State != pgp.Current {
		return licensing.NewConflict(licensing.CodeKeyWrongState, "key %s is %s; only the next key can be promoted", k.Fingerprint, k.State)
	}
	r.removeFromNext(k.Fingerprint)
	return nil
}

// retireKey revokes the key as superseded if the root is here. Otherwise the product's statement lists it as retired, which is enough.
func (r *keyring) retireKey(k pgp.Key, now time.Time) (err error) {
	switch {
	case k.State != pgp.Current:
		return licensing.NewConflict(licensing.CodeKeyWrongState, "key %s is %s", k.Fingerprint, k.State)
	case slices.ContainsFunc(k.Uses, func(use license.Use) bool { return r.signer.SigningKey(use, now) == k.Fingerprint }):
		return licensing.NewConflict(licensing.CodeKeyInUse, "key %s is in use; promote another key first", k.Fingerprint)
	}
	r.removeFromNext(k.Fingerprint) // it will never sign
	if r.secret.HasRootKey() {
		r.secret, err = r.secret.Revoke(k.Fingerprint, pgp.ReasonSuperseded, now)
	}
	return err
}

// compromiseKey revokes the key if the root is here, deletes its private part, and makes another key sign in its place.
func (i *Issuer) compromiseKey(r *keyring, k pgp.Key, now time.Time) (err error) {
	if k.State == pgp.Compromised {
		return licensing.NewConflict(licensing.CodeKeyWrongState, "key %s is compromised already", k.Fingerprint)
	}
	signed := slices.DeleteFunc(slices.Clone(k.Uses), func(use license.Use) bool { return r.signer.SigningKey(use, now) != k.Fingerprint })
	r.removeFromNext(k.Fingerprint)
	if r.secret.HasRootKey() {
		if r.secret, err = r.secret.Revoke(k.Fingerprint, pgp.ReasonCompromised, now); err != nil {
			return err
		}
	}
	if r.secret, err = r.secret.WithoutPrivateKeys(k.Fingerprint); err != nil {
		return err
	}
	return i.ensureSigningKeys(r, signed, now)
}

// ImportCertificate merges what the root has certified and revoked elsewhere. Keys that were requested here become next.
func (i *Issuer) ImportCertificate(product license.ID, sealed, certificate []byte, now time.Time) (licensing.SealedKeys, error) {
	from, err := pgp.Parse(certificate)
	if err != nil {
		return licensing.SealedKeys{}, err
	}
	return i.update(product, sealed, func(r *keyring) (err error) {
		signed := slices.DeleteFunc(slices.Clone(licensing.ServerUses), func(use license.Use) bool { return r.signer.SigningKey(use, now) == "" })
		before := r.secret.Public().Certificate()
		if r.secret, err = r.secret.Merge(from, r.requested...); err != nil {
			return err
		}
		if bytes.Equal(before, r.secret.Public().Certificate()) {
			return licensing.NewConflict(licensing.CodeNothingToChange, "the certificate contains nothing new")
		}
		var open []*pgp.CertificationRequest
		for _, q := range r.requested {
			k, certified := r.find(q.Key, now)
			switch {
			case !certified:
				open = append(open, q)
			case !slices.Equal(k.Uses, []license.Use{q.Use}):
				return license.Refuse(license.CodeKeyUse, "key %s is certified for %v, but was requested for %s", q.Key, k.Uses, q.Use)
			default:
				r.next = append(r.next, q.Key)
			}
		}
		r.requested = open
		return i.ensureSigningKeys(r, signed, now)
	})
}

// importPrivateKeys reads keys that were created elsewhere, and adds the keys that a server needs if they are missing and the root is among
// them.
func (i *Issuer) importPrivateKeys(data []byte, now time.Time) (*keyring, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----")) {
		return nil, license.Refuse(license.CodeKeyringInvalid, "the private keys are not an armored OpenPGP private key block")
	}
	secret, err := pgp.ParseSecretKeyring(data)
	if err != nil {
		return nil, err
	}
	for _, use := range licensing.ServerUses {
		switch {
		case secret.SigningKey(use, now) != "":
		case !secret.HasRootKey():
			return nil, &licensing.Invalid{Field: "keys.private_keys", Problem: fmt.Sprintf(
				"has no valid %s key; create one where the root key is (onelicense keys rotate --use %s)", use, use)}
		default:
			if secret, err = secret.AddKey(use, i.random, now); err != nil {
				return nil, err
			}
		}
	}
	r := &keyring{secret: secret}
	return r, r.updateSigner()
}
