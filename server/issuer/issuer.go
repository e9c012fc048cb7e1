// Package issuer is the only holder of the products' private keys. They are stored sealed under a master key that the store never sees, are
// opened when something must be signed, and leave this package only sealed.
//
// Start with New. Callers get a Signer, which signs and reveals nothing; each change of keys returns new sealed bytes, to be stored in the
// place of those that it was made from.
package issuer

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/licensing"
)

// Issuer creates, opens and uses keys. It implements licensing.Issuer with OpenPGP keys.
type Issuer struct {
	seal   seal
	random io.Reader
	cache  cache
}

var _ licensing.Issuer = (*Issuer)(nil)

// MasterKeySize is the number of bytes of a master key.
const MasterKeySize = 32

// New returns an issuer with a master key. A nil random means crypto/rand. It also opens what was sealed under one of the other keys.
func New(master []byte, random io.Reader, others ...[]byte) (*Issuer, error) {
	if random == nil {
		random = rand.Reader
	}
	s, err := newSeal(master, others...)
	if err != nil {
		return nil, err
	}
	return &Issuer{seal: s, random: random}, nil
}

// NewKeyring creates a product's keys, or imports those that were created elsewhere.
func (i *Issuer) NewKeyring(product license.ID, of licensing.NewKeys, now time.Time) (licensing.SealedKeys, error) {
	if len(of.Private) > 0 {
		r, err := i.importPrivateKeys(of.Private, now)
		if err != nil {
			return licensing.SealedKeys{}, err
		}
		return i.sealKeyring(product, r)
	}
	secret, err := pgp.GenerateVersion(cmp.Or(of.Version, pgp.V4), userID(of.Name), i.random, now)
	if err != nil {
		return licensing.SealedKeys{}, fmt.Errorf("generating keys: %w", err)
	}
	return i.sealKeyring(product, &keyring{secret: secret})
}

// Signer returns a signer with the product's keys, except those that wait to be promoted.
func (i *Issuer) Signer(product license.ID, sealed []byte) (license.Signer, error) {
	r, err := i.openKeyring(product, sealed)
	if err != nil {
		return nil, err
	}
	return r.signer, nil
}

// Keys lists a product's keys.
func (i *Issuer) Keys(product license.ID, sealed []byte, now time.Time) ([]licensing.Key, error) {
	r, err := i.openKeyring(product, sealed)
	if err != nil {
		return nil, err
	}
	return r.keys(now)
}

// Reencrypt seals under the current master key what was sealed under another one. It returns nil if there is nothing to do.
func (i *Issuer) Reencrypt(product license.ID, sealed []byte) ([]byte, error) {
	plain, other, err := i.unseal(product, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if !other {
		return nil, nil
	}
	return i.seal.close(i.random, productPurpose(product), plain)
}

func (i *Issuer) unseal(product license.ID, sealed []byte) (plain []byte, other bool, err error) {
	if plain, other, err = i.seal.open(productPurpose(product), sealed); err != nil {
		err = fmt.Errorf("the sealed keys of product %s: %w", product, err)
	}
	return plain, other, err
}

// SealSecret seals a secret of the server's own under a name, for OpenSecret.
func (i *Issuer) SealSecret(name string, secret []byte) ([]byte, error) {
	return i.seal.close(i.random, secretPurpose(name), secret)
}

// OpenSecret opens what SealSecret sealed. resealed is nil, or the secret sealed again because it was sealed under another master key.
func (i *Issuer) OpenSecret(name string, sealed []byte) (secret, anew []byte, err error) {
	secret, other, err := i.seal.open(secretPurpose(name), sealed)
	if err != nil {
		return nil, nil, fmt.Errorf("the sealed secret %s: %w", name, err)
	}
	if other {
		anew, err = i.SealSecret(name, secret)
	}
	return secret, anew, err
}

// openKeyring returns the keyring, which callers must not change.
func (i *Issuer) openKeyring(product license.ID, sealed []byte) (*keyring, error) {
	if r := i.cache.lookup(product, sealed); r != nil {
		return r, nil
	}
	plain, _, err := i.unseal(product, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	r, err := parseKeyring(plain)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of product %s: %w", product, err)
	}
	i.cache.store(product, sealed, r)
	return r, nil
}

// Keyring returns a verifier of signatures for a certificate.
func (i *Issuer) Keyring(certificate []byte) (license.Keyring, error) {
	return pgp.Parse(certificate)
}

// SignaturePacket returns the binary packet of a detached signature, as GnuPG writes it with and without --armor.
func (i *Issuer) SignaturePacket(signature []byte) ([]byte, error) {
	return pgp.ParseDetached(signature)
}

// userID returns the user id of a root key for a product's name, cut to the length that a user id may have.
func userID(name string) string {
	const most = 255
	name = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(name, ""), unicode.IsControl), " ")
	for len(name) > most {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}
