package lease

import (
	"time"

	"github.com/onelicense/onelicense/license"
)

// Statement publishes which keys of a product are not accepted any more and which licenses are revoked, for programs that ask no server
// too. It is signed by a key of the use statement. The numbers of a product's statements increase, and a client accepts none with a lower
// number than it has seen. Each statement is complete: it repeats what the earlier ones said.
type Statement struct {
	Type     string         `json:"type"`
	Product  license.ID     `json:"product"`
	Number   int64          `json:"number"`
	Time     Time           `json:"time"`
	MaxAge   int64          `json:"max_age,omitempty"` // ms from Time, after which license files need a newer statement; 0: never
	Keys     []KeyStatement `json:"keys,omitempty"`
	Licenses []license.ID   `json:"licenses,omitempty"` // revoked, in the order of ids
}

// KeyStatement says that a key is not accepted any more.
type KeyStatement struct {
	Key    string    `json:"key"`    // fingerprint, upper-case hex
	Status KeyStatus `json:"status"` // reason
	Since  Time      `json:"since"`
}

// KeyStatus is the reason why a key is not accepted any more, in the words of an OpenPGP revocation.
type KeyStatus string

// The statuses. Nothing that a compromised key has signed is accepted, whatever time it claims; what a retired key signed before
// Since stays good.
const (
	Compromised KeyStatus = "compromised"
	Retired     KeyStatus = "retired"
)

// Document returns the statement as a document.
func (s Statement) Document() []byte { s.Type = TypeStatement; return encode(s) }

// SignStatement returns the signed text of a statement.
func SignStatement(s Statement, by license.Signer, now time.Time) ([]byte, error) {
	return signDocument(license.UseStatement, s.Document(), by, now)
}

// OpenStatement verifies the text of a statement and then reads it. The caller must check that it is new enough.
func OpenStatement(t []byte, keys license.Keyring, now time.Time) (*Statement, error) {
	s := new(Statement)
	return s, openDocument(license.UseStatement, TypeStatement, MaxStatement, t, keys, now, s)
}

// Revokes reports whether the license is revoked.
func (s *Statement) Revokes(id license.ID) bool {
	for _, revoked := range s.Licenses {
		if revoked == id {
			return true
		}
	}
	return false
}

// ParseTrustedStatement reads the text of a statement that was verified before and kept where nobody else writes.
func ParseTrustedStatement(t []byte) (*Statement, error) {
	document, _, err := splitSignature(t)
	if err != nil {
		return nil, err
	}
	s := new(Statement)
	return s, decode(document, TypeStatement, s)
}

// Key returns what the statement says of a key; false: nothing.
func (s *Statement) Key(fingerprint string) (KeyStatement, bool) {
	for _, k := range s.Keys {
		if k.Key == fingerprint {
			return k, true
		}
	}
	return KeyStatement{}, false
}

// Delegation allows a relay to answer in the product's name, for one license and a limited time. It is signed by a key of the use
// delegation. Without it, a relay's signatures are worth nothing.
type Delegation struct {
	Type         string     `json:"type"`
	Product      license.ID `json:"product"`
	License      license.ID `json:"license"`
	Key          string     `json:"key"`    // the relay's Ed25519 public key, 64 hex digits
	Number       int64      `json:"number"` // increases with each delegation of the relay; a lower one is not accepted after a higher one
	Epoch        int64      `json:"epoch"`  // of the server that issued it
	Time         Time       `json:"time"`
	Allowance    int64      `json:"allowance"` // calls that the relay may hand out
	Entitlements []Pool     `json:"entitlements,omitempty"`
	NotAfter     Time       `json:"not_after"` // no lease of the relay lasts longer
}

// Grants reports whether the relay may hand out slots of the entitlement.
func (d *Delegation) Grants(entitlement string) bool {
	for _, p := range d.Entitlements {
		if p.Entitlement == entitlement {
			return true
		}
	}
	return false
}

// Pool limits how many slots of an entitlement a relay may hand out.
type Pool struct {
	Entitlement string `json:"entitlement"`
	Slots       int64  `json:"slots"`
}

// SignDelegation returns the signed text of a delegation.
func SignDelegation(d Delegation, by license.Signer, now time.Time) ([]byte, error) {
	d.Type = TypeDelegation
	return signDocument(license.UseDelegation, encode(d), by, now)
}

// OpenDelegation verifies the text of a delegation and then reads it.
func OpenDelegation(t []byte, keys license.Keyring, now time.Time) (*Delegation, error) {
	d := new(Delegation)
	return d, openDocument(license.UseDelegation, TypeDelegation, MaxLease, t, keys, now, d)
}

func signDocument(use license.Use, document []byte, by license.Signer, now time.Time) ([]byte, error) {
	signature, err := by.Sign(use, document, now)
	if err != nil {
		return nil, err
	}
	return joinSignature(document, signature), nil
}

func openDocument(use license.Use, kind string, most int, t []byte, keys license.Keyring, now time.Time, v any) error {
	document, signature, err := splitSignature(t)
	switch {
	case err != nil:
		return err
	case len(document) > most:
		return license.Refuse(license.CodeStatementMalformed, "%d bytes, at most %d are allowed", len(document), most)
	case documentType(document) != kind:
		return license.Refuse(license.CodeProtocolUnsupported, "type %q, expected %s", documentType(document), kind)
	}
	if _, err := keys.Verify(use, document, signature, now); err != nil {
		return err
	}
	if err := decode(document, kind, v); err != nil {
		return license.Refuse(license.CodeStatementMalformed, "%v", err)
	}
	return nil
}
