package issuer

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/licensing"
)

// keyring is the sealed part of a product: its private keys with their certificate, the keys that wait to be promoted, and the keys that
// wait to be certified by a root elsewhere.
type keyring struct {
	secret    *pgp.SecretKeyring
	next      []string // fingerprints of keys that wait to be promoted
	requested []*pgp.CertificationRequest
	signer    *pgp.SecretKeyring // secret without the keys in next
}

// keyringRecord is the plain form under the seal. Before keys could wait, the secret alone was sealed, which never begins as JSON does.
type keyringRecord struct {
	Secret    []byte   `json:"secret"`
	Next      []string `json:"next,omitempty"`
	Requested [][]byte `json:"requested,omitempty"`
}

func parseKeyring(plain []byte) (*keyring, error) {
	s := keyringRecord{Secret: plain}
	if len(plain) > 0 && plain[0] == '{' {
		s = keyringRecord{}
		if err := json.Unmarshal(plain, &s); err != nil {
			return nil, err
		}
	}
	secret, err := pgp.ParseSecretKeyring(s.Secret)
	if err != nil {
		return nil, err
	}
	r := &keyring{secret: secret, next: s.Next}
	for _, b := range s.Requested {
		request, err := pgp.ParseCertificationRequest(b)
		if err != nil {
			return nil, err
		}
		r.requested = append(r.requested, request)
	}
	return r, r.updateSigner()
}

// updateSigner must be called after each change.
func (r *keyring) updateSigner() (err error) {
	r.signer = r.secret
	if len(r.next) > 0 {
		r.signer, err = r.secret.WithoutPrivateKeys(r.next...)
	}
	return err
}

func (r *keyring) serialize() (plain []byte, err error) {
	s := keyringRecord{Next: r.next}
	if s.Secret, err = r.secret.Serialize(); err != nil {
		return nil, err
	}
	defer clear(s.Secret)
	for _, request := range r.requested {
		b, err := request.Serialize()
		if err != nil {
			return nil, err
		}
		s.Requested = append(s.Requested, b)
	}
	return json.Marshal(s)
}

// keys describes all keys, the root first.
func (r *keyring) keys(now time.Time) ([]licensing.Key, error) {
	var list []licensing.Key
	for _, k := range r.secret.Public().Keys(now) {
		if !k.Primary && len(k.Uses) == 0 {
			continue // an encryption key, or of an unknown kind
		}
		d := licensing.Key{
			Fingerprint: k.Fingerprint, Root: k.Primary, Uses: k.Uses, Algorithm: k.Algorithm, State: licensing.KeyState(k.State),
			HasPrivateKey: r.secret.HasPrivateKey(k.Fingerprint), Created: k.Created, Expires: k.Expires, Revoked: k.Revoked,
		}
		if slices.Contains(r.next, k.Fingerprint) && k.State == pgp.Current {
			d.State = licensing.KeyNext
		}
		d.IsActive = slices.ContainsFunc(k.Uses, func(use license.Use) bool { return r.signer.SigningKey(use, now) == k.Fingerprint })
		list = append(list, d)
	}
	for _, q := range r.requested {
		text, err := q.Armored()
		if err != nil {
			return nil, err
		}
		list = append(list, licensing.Key{
			Fingerprint: q.Key, Uses: []license.Use{q.Use}, Algorithm: "Ed25519", State: licensing.KeyRequested, HasPrivateKey: true,
			Created: q.Created, Request: text,
		})
	}
	return list, nil
}

// pendingKey returns the key for the use that waits to be promoted or certified, or "".
func (r *keyring) pendingKey(use license.Use, now time.Time) string {
	for _, k := range r.secret.Public().Keys(now) {
		if slices.Contains(r.next, k.Fingerprint) && slices.Contains(k.Uses, use) && k.State == pgp.Current {
			return k.Fingerprint
		}
	}
	for _, q := range r.requested {
		if q.Use == use {
			return q.Key
		}
	}
	return ""
}

// find returns a key of the certificate.
func (r *keyring) find(fingerprint string, now time.Time) (pgp.Key, bool) {
	for _, k := range r.secret.Public().Keys(now) {
		if k.Fingerprint == fingerprint {
			return k, true
		}
	}
	return pgp.Key{}, false
}

// removeFromNext removes a key from those that wait to be promoted.
func (r *keyring) removeFromNext(fingerprint string) {
	r.next = slices.DeleteFunc(slices.Clone(r.next), func(f string) bool { return f == fingerprint })
}

// ensureSigningKeys finds a successor for each use that no key signs for: the next key, or a new one if the root is here.
func (i *Issuer) ensureSigningKeys(r *keyring, uses []license.Use, now time.Time) error {
	for _, use := range uses {
		if err := r.updateSigner(); err != nil {
			return err
		}
		if r.signer.SigningKey(use, now) != "" {
			continue
		}
		for _, k := range r.secret.Public().Keys(now) {
			if slices.Contains(r.next, k.Fingerprint) && slices.Contains(k.Uses, use) && k.State == pgp.Current {
				r.removeFromNext(k.Fingerprint)
			}
		}
		if err := r.updateSigner(); err != nil {
			return err
		}
		if r.signer.SigningKey(use, now) != "" || !r.secret.HasRootKey() {
			continue
		}
		var err error
		if r.secret, err = r.secret.AddKey(use, i.random, now); err != nil {
			return fmt.Errorf("making the next %s key: %w", use, err)
		}
	}
	return r.updateSigner()
}
