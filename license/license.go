// Package license reads and writes license files: four lines of text, the last of which signs the first three
// (spec/license-file.md).
//
// Start with Open, which verifies first and parses only what was verified; a *License comes from nowhere else. Seal makes a file.
// Keys and signatures are behind Keyring and Signer, which package license/pgp implements; time is always an argument.
package license

// ID names a product, version or license: 24 lower-case hex digits. It is not a secret.
type ID string

// Entitlement is a named right. Slots is how many installations may hold it at once; 0 means that the file states no number.
type Entitlement struct {
	Name  string
	Slots int
}

// Claims is what a license file says: its first three lines.
type Claims struct {
	ID           ID
	Contexts     []string
	Entitlements []Entitlement
}

// License is a verified license file.
type License struct {
	Claims
	Signature Signature
	Root      string // fingerprint of the keyring's root, and so the product
}
