// Package issuer is the only holder of the products' private keys. They lie in the store sealed under a master key that the store never
// sees, are opened when something must be signed, and leave this package only sealed.
//
// Start with New. What others get is a Signer, which signs and gives nothing away.
package issuer

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
)

// Issuer makes, opens and uses keys. It is the domain's issuer (server/licensing), with OpenPGP keys.
type Issuer struct {
	seal   seal
	random io.Reader
	cache  cache
}

// MasterKeySize is the number of bytes of a master key.
const MasterKeySize = 32

// New makes an issuer of a master key. A nil random is the system's.
func New(master []byte, random io.Reader) (*Issuer, error) {
	if random == nil {
		random = rand.Reader
	}
	s, err := newSeal(master)
	if err != nil {
		return nil, err
	}
	return &Issuer{seal: s, random: random}, nil
}

// NewKeyring makes a product's keys.
func (i *Issuer) NewKeyring(product license.ID, name string, now time.Time) (certificate, sealed []byte, err error) {
	secret, err := pgp.Generate(userID(name), i.random, now)
	if err != nil {
		return nil, nil, fmt.Errorf("generating keys: %w", err)
	}
	plain, err := secret.Serialize()
	if err != nil {
		return nil, nil, err
	}
	defer clear(plain)
	if sealed, err = i.seal.close(i.random, product, plain); err != nil {
		return nil, nil, err
	}
	return secret.Public().Certificate(), sealed, nil
}

// Signer signs with the keys that NewKeyring sealed for the product.
func (i *Issuer) Signer(product license.ID, sealed []byte) (license.Signer, error) {
	if secret := i.cache.lookup(product, sealed); secret != nil {
		return secret, nil
	}
	plain, err := i.seal.open(product, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	secret, err := pgp.ParseSecret(plain)
	if err != nil {
		return nil, fmt.Errorf("reading the keys of product %s: %w", product, err)
	}
	i.cache.keep(product, sealed, secret)
	return secret, nil
}

// Keyring judges signatures with a certificate.
func (i *Issuer) Keyring(certificate []byte) (license.Keyring, error) {
	return pgp.Parse(certificate)
}

// userID names the root key for people who look at it. It is cut to what a user id may hold.
func userID(name string) string {
	const most = 255
	name = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(name, ""), unicode.IsControl), " ")
	for len(name) > most {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}
