package licensing

import (
	"time"

	"github.com/onelicense/onelicense/license"
)

// Issuer holds the products' private keys, which leave it only sealed. What changes keys gives them anew, to be stored in the place of
// what the change was made from.
type Issuer interface {
	// NewKeyring makes a product's keys: the certificate, and the private keys sealed for this product.
	NewKeyring(product license.ID, of NewKeys, now time.Time) (SealedKeys, error)
	// Signer signs with the keys that were sealed for the product.
	Signer(product license.ID, sealed []byte) (license.Signer, error)
	// Keyring judges signatures with a certificate.
	Keyring(certificate []byte) (license.Keyring, error)
	// SignaturePacket is the binary packet of a detached signature, which may be armored.
	SignaturePacket(signature []byte) ([]byte, error)

	// Keys lists the product's keys, the root first.
	Keys(product license.ID, sealed []byte, now time.Time) ([]Key, error)
	// AddKey makes the next key for a use, or requests it of a root elsewhere. It ends then; zero: never.
	AddKey(product license.ID, sealed []byte, use license.Use, end, now time.Time) (SealedKeys, error)
	// ChangeKeyState does one thing to one key.
	ChangeKeyState(product license.ID, sealed []byte, key string, turn KeyAction, now time.Time) (SealedKeys, error)
	// ImportCertificate takes over what the root has certified and revoked elsewhere.
	ImportCertificate(product license.ID, sealed, certificate []byte, now time.Time) (SealedKeys, error)

	// Reencrypt seals anew what is not sealed as everything is sealed now; nil when it is.
	Reencrypt(product license.ID, sealed []byte) ([]byte, error)
}

// SealedKeys is a product's keys as its record has them.
type SealedKeys struct {
	Certificate []byte // OpenPGP, binary: public keys only
	Sealed      []byte // the private keys
}

// NewKeys says what a product's keys are made of.
type NewKeys struct {
	Name    string // for people who look at the certificate
	Version int    // of the keys: 4 or 6; 0: 4
	Private []byte // keys that were made elsewhere, with or without the private part of their root; the rest means nothing then
}

// ServerUses are the uses without whose keys a server cannot work for a product. Files may be signed elsewhere.
var ServerUses = []license.Use{license.UseLease, license.UseStatement, license.UseDelegation}

// Key is one key of a product.
type Key struct {
	Fingerprint   string // upper-case hex
	Root          bool
	Uses          []license.Use // none for a root that only certifies
	Algorithm     string
	State         KeyState
	IsActive      bool   // what the server signs now for one of the uses is signed by it
	HasPrivateKey bool   // the server has its private part
	Request       []byte // of a requested key: what its root must be shown
	Created       time.Time
	Expires       time.Time // zero: never
	Revoked       time.Time // zero: not revoked
}

// KeyState says what a key is at present.
type KeyState string

// The states. A key begins as next, is promoted, and ends as retired or compromised; where the root is elsewhere, it is requested before.
const (
	KeyRequested   KeyState = "requested"   // waits for the root's certification; nobody knows it
	KeyNext        KeyState = "next"        // in the certificate, so that programs learn it; it does not sign yet
	KeyCurrent     KeyState = "current"     // its signatures are good; the newest of a use signs
	KeyRetired     KeyState = "retired"     // what it signed before stays good
	KeyCompromised KeyState = "compromised" // nothing that it ever signed is good
	KeyExpired     KeyState = "expired"
	KeyWeak        KeyState = "weak"
)

// KeyAction is what is done to a key.
type KeyAction string

// The turns.
const (
	PromoteKey       KeyAction = "promote"    // the next key signs from now on
	RetireKey        KeyAction = "retire"     // a key that does not sign now never will again
	CompromiseKey    KeyAction = "compromise" // nothing it ever signed is good; another signs at once
	CancelKeyRequest KeyAction = "take back"  // a requested key is forgotten
)

// SetKeys puts keys into the record.
func (p *Product) SetKeys(r SealedKeys, err error) error {
	if err == nil {
		p.Keyring, p.SealedKeys = r.Certificate, r.Sealed
	}
	return err
}
