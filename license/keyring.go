package license

import (
	"fmt"
	"time"
)

// Use says what a key may sign, and with it which OpenPGP signature type the document carries.
type Use string

// The uses of a key (spec/license-file.md, "Keys"). A file is signed in text mode (0x01), everything else in binary mode (0x00),
// so that a signature made for one can never serve for the other.
const (
	UseFile       Use = "file"
	UseLease      Use = "lease"
	UseStatement  Use = "statement"
	UseDelegation Use = "delegation"
)

// Keyring is a product's public keys: one certificate whose primary key is the root. It is the only judge of signatures;
// license/pgp has the OpenPGP one.
type Keyring interface {
	// Root is the fingerprint of the primary key, upper-case hex: what an app pins, and so what the product is.
	Root() string
	// Verify checks one detached signature (binary packet) over message for the use at the time now. What it refuses is an
	// *Error with one of the signature_… and key_… codes.
	Verify(use Use, message, signature []byte, now time.Time) (Signature, error)
	// Merge is this keyring with all that another one of the same root has besides, and its certificate: keys are added and revoked, and
	// never forgotten.
	Merge(with Keyring) (merged Keyring, certificate []byte, err error)
}

// Signature tells who signed and when, after it was verified.
type Signature struct {
	Key     string // fingerprint of the signing key, upper-case hex
	Created time.Time
}

// Signer holds private keys. It picks the key that is good for the use at the time now.
type Signer interface {
	Sign(use Use, message []byte, now time.Time) (signature []byte, err error)
}

// Error is a refusal with a stable code from spec/verdicts.json and what decided it.
type Error struct {
	Code   Code
	Detail string // what was found, for people; holds no secret
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Code.Verdict().Message)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Code, e.Code.Verdict().Message, e.Detail)
}

// Refuse makes an *Error; format and args become its detail.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}
