package license

import (
	"fmt"
	"time"
)

// Use is the purpose that a key may sign for. It also decides which OpenPGP signature type the document carries.
type Use string

// The uses of a key (spec/license-file.md, "Keys"). A file is signed in text mode (0x01), everything else in binary mode (0x00),
// so that a signature made for one can never serve for the other.
const (
	UseFile       Use = "file"
	UseLease      Use = "lease"
	UseStatement  Use = "statement"
	UseDelegation Use = "delegation"
)

// Keyring holds a product's public keys: one certificate whose primary key is the root. It alone decides whether a signature is good;
// license/pgp has the OpenPGP implementation.
type Keyring interface {
	// Root returns the fingerprint of the primary key, upper-case hex. Apps pin it: it identifies the product.
	Root() string
	// Verify checks one detached signature (binary packet) over message for the use at the time now. Every error is an
	// *Error with one of the codes signature_… and key_….
	Verify(use Use, message, signature []byte, now time.Time) (Signature, error)
	// Merge returns this keyring with everything that another one of the same root adds, and its certificate. Keys are added and revoked, and
	// never removed. A keyring of another root is refused with wrong_root.
	Merge(with Keyring) (merged Keyring, certificate []byte, err error)
}

// Signature holds the key and the time of a verified signature.
type Signature struct {
	Key     string // fingerprint of the signing key, upper-case hex
	Created time.Time
}

// Signer holds private keys.
type Signer interface {
	// Sign signs with the key that is good for the use at the time now, and returns the signature packet.
	Sign(use Use, message []byte, now time.Time) (signature []byte, err error)
}

// Error is a refusal with a stable code from spec/verdicts.json and the evidence for it.
type Error struct {
	Code   Code
	Detail string // evidence, for people; holds no secret
}

// Error returns code, message and detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Code.Verdict().Message)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Code, e.Code.Verdict().Message, e.Detail)
}

// Refuse returns an *Error; format and args become its detail.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}
