package licensing

import (
	"time"

	"github.com/onelicense/onelicense/license"
)

// Issuer creates, seals and uses the private keys of products; they leave it only sealed. Methods that change keys return new sealed keys,
// to be stored in the place of those that the change was made from.
type Issuer interface {
	// NewKeyring creates a product's keys: the certificate and the private keys, sealed for this product.
	NewKeyring(product license.ID, of NewKeys, now time.Time) (SealedKeys, error)
	// Signer returns a signer with the keys that were sealed for the product.
	Signer(product license.ID, sealed []byte) (license.Signer, error)
	// Keyring returns a keyring that verifies signatures with a certificate.
	Keyring(certificate []byte) (license.Keyring, error)
	// SignaturePacket returns the binary packet of a detached signature, which may be armored.
	SignaturePacket(signature []byte) ([]byte, error)

	// Keys returns the product's keys, the root first.
	Keys(product license.ID, sealed []byte, now time.Time) ([]Key, error)
	// AddKey creates the next key for a use, or a request for it if the root key is kept elsewhere. The key expires at end; zero: never.
	AddKey(product license.ID, sealed []byte, use license.Use, end, now time.Time) (SealedKeys, error)
	// ChangeKeyState applies an action to one key.
	ChangeKeyState(product license.ID, sealed []byte, key string, turn KeyAction, now time.Time) (SealedKeys, error)
	// ImportCertificate adopts what the root key, kept elsewhere, has certified and revoked.
	ImportCertificate(product license.ID, sealed, certificate []byte, now time.Time) (SealedKeys, error)

	// Reencrypt seals the keys with the current master key; it returns nil if they are sealed with it already.
	Reencrypt(product license.ID, sealed []byte) ([]byte, error)
}

// SealedKeys holds a product's keys as its record stores them.
type SealedKeys struct {
	Certificate []byte // OpenPGP, binary: public keys only
	Sealed      []byte // private keys
}

// NewKeys configures the keys of a new product.
type NewKeys struct {
	Name    string // user ID of the certificate
	Version int    // OpenPGP version of the keys: 4 or 6; 0: 4
	Private []byte // existing keys to import, with or without the private root key; Name and Version are ignored then
}

// ServerUses are the uses for which a server needs keys of each product. License files may be signed elsewhere.
var ServerUses = []license.Use{license.UseLease, license.UseStatement, license.UseDelegation}

// Key describes one key of a product.
type Key struct {
	Fingerprint   string // upper-case hex
	Root          bool
	Uses          []license.Use // none for a root key that only certifies
	Algorithm     string
	State         KeyState
	IsActive      bool   // the server signs with it at present, for at least one of its uses
	HasPrivateKey bool   // the server has its private part
	Request       []byte // of a requested key: certification request to give to the root key
	Created       time.Time
	Expires       time.Time // zero: never
	Revoked       time.Time // zero: not revoked
}

// KeyState is the state of a key.
type KeyState string

// The states. A key starts as next, is promoted, and ends as retired or compromised; if the root key is kept elsewhere, it is requested
// first.
const (
	KeyRequested   KeyState = "requested"   // awaits certification by the root key; not published
	KeyNext        KeyState = "next"        // in the certificate, so that programs learn it; does not sign yet
	KeyCurrent     KeyState = "current"     // its signatures are valid; the newest of a use signs
	KeyRetired     KeyState = "retired"     // what it signed before stays valid
	KeyCompromised KeyState = "compromised" // nothing that it ever signed is valid
	KeyExpired     KeyState = "expired"
	KeyWeak        KeyState = "weak"
)

// KeyAction is a change of the state of a key.
type KeyAction string

// The actions.
const (
	PromoteKey       KeyAction = "promote"    // a next key signs from now on
	RetireKey        KeyAction = "retire"     // a key that is not active never signs again
	CompromiseKey    KeyAction = "compromise" // nothing it ever signed is valid; another key signs at once
	CancelKeyRequest KeyAction = "take back"  // a requested key is deleted
)

// SetKeys stores the keys in the record unless err is set, and returns err. It takes the results of an Issuer's method.
func (p *Product) SetKeys(r SealedKeys, err error) error {
	if err == nil {
		p.Keyring, p.SealedKeys = r.Certificate, r.Sealed
	}
	return err
}
