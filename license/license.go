// Package license reads and writes license files: four lines of text, of which the last signs the first three (spec/license-file.md).
//
// Start with Open, which verifies a file and parses only what was verified; it is the only source of a *License. Seal makes a file.
// Keyring and Signer stand for keys and signatures; package license/pgp implements them. Time is always an argument.
package license

// ID identifies a product, version or license: 24 lower-case hex digits. It is not a secret.
type ID string

// Entitlement is a named right. Slots is how many installations may hold it at the same time; 0 means that the file states no number.
type Entitlement struct {
	Name  string
	Slots int
}

// Claims holds the first three lines of a license file.
type Claims struct {
	ID           ID
	Contexts     []string
	Entitlements []Entitlement
}

// License is a verified license file.
type License struct {
	Claims
	Signature Signature
	Root      string // fingerprint of the keyring's root key, which identifies the product
}
