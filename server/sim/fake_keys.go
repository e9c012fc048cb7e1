package sim

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// certificate is a product's keyring in this world: OpenPGP would take more time than everything else together, and is tested in
// license/pgp. A signature is a hash under a secret that only issuers of the same root know.
type certificate struct {
	RootName string   `json:"root"`
	Keys     []string `json:"keys"` // the last one signs
	Bad      []string `json:"bad"`  // compromised
}

func (c certificate) encode() []byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings
	}
	return b
}

func parse(b []byte) (license.Keyring, error) {
	var c certificate
	if json.Unmarshal(b, &c) != nil || c.RootName == "" {
		return nil, license.Refuse(license.CodeKeyringInvalid, "it does not parse")
	}
	return c, nil
}

// Root implements license.Keyring.
func (c certificate) Root() string { return rootOf(c.RootName) }

// rootOf returns a root that has the form of a fingerprint.
func rootOf(name string) string {
	const digits = "0123456789ABCDEF"
	sum := sha256.Sum256([]byte(name))
	root := make([]byte, 40)
	for i := range root {
		root[i] = digits[sum[i/2]>>(4*(i%2))&15]
	}
	return string(root)
}

func (c certificate) sign(use license.Use, key string, message []byte) []byte {
	h := sha256.New()
	h.Write([]byte("secret of " + c.RootName + "/" + key + "/" + string(use) + "\n"))
	h.Write(message)
	return append([]byte(key+"\x00"), h.Sum(nil)...)
}

// Sign implements license.Signer.
func (c certificate) Sign(use license.Use, message []byte, _ time.Time) ([]byte, error) {
	return c.sign(use, c.Keys[len(c.Keys)-1], message), nil
}

// Verify implements license.Keyring.
func (c certificate) Verify(use license.Use, message, signature []byte, _ time.Time) (license.Signature, error) {
	for _, key := range c.Keys {
		if !slices.Equal(signature, c.sign(use, key, message)) {
			continue
		}
		if slices.Contains(c.Bad, key) {
			return license.Signature{}, license.Refuse(license.CodeKeyCompromised, "key %s", key)
		}
		return license.Signature{Key: key}, nil
	}
	return license.Signature{}, license.Refuse(license.CodeSignatureInvalid, "")
}

// Merge implements license.Keyring.
func (c certificate) Merge(with license.Keyring) (license.Keyring, []byte, error) {
	other, ok := with.(certificate)
	if !ok || other.RootName != c.RootName {
		return nil, nil, license.Refuse(license.CodeWrongRoot, "")
	}
	add := func(to, from []string) []string {
		to = slices.Clone(to)
		for _, name := range from {
			if !slices.Contains(to, name) {
				to = append([]string{name}, to...)
			}
		}
		return to
	}
	c.Keys, c.Bad = add(c.Keys, other.Keys), add(c.Bad, other.Bad)
	return c, c.encode(), nil
}

// rotated returns the certificate with another signing key; the old one may be marked as compromised.
func (c certificate) rotated(name string, compromised bool) certificate {
	c.Keys, c.Bad = slices.Clone(c.Keys), slices.Clone(c.Bad)
	if compromised {
		c.Bad = append(c.Bad, c.Keys[len(c.Keys)-1])
	}
	c.Keys = append(c.Keys, name)
	return c
}

// fakeIssuer implements what a sync needs of licensing.Issuer.
type fakeIssuer struct {
	licensing.Issuer
	root string
}

var _ licensing.Issuer = fakeIssuer{}

func (i fakeIssuer) NewKeyring(license.ID, licensing.NewKeys, time.Time) (licensing.SealedKeys, error) {
	b := certificate{RootName: i.root, Keys: []string{"one"}}.encode()
	return licensing.SealedKeys{Certificate: b, Sealed: b}, nil
}

func (fakeIssuer) Signer(_ license.ID, sealed []byte) (license.Signer, error) {
	keys, err := parse(sealed)
	if err != nil {
		return nil, err
	}
	return keys.(certificate), nil
}

func (fakeIssuer) Keyring(b []byte) (license.Keyring, error) { return parse(b) }
