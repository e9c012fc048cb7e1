package lease

import (
	"time"

	"github.com/onelicense/onelicense/license"
)

// Statement is what a product says of its keys and licenses to everybody: which keys are good no longer, and which licenses are revoked,
// also where nobody asks a server. It is signed by a key of the use statement; the numbers of a product's statements rise, and who has seen
// one accepts none with a lower number. Each is whole: it repeats what the ones before it said.
type Statement struct {
	Type     string         `json:"type"`
	Product  license.ID     `json:"product"`
	Number   int64          `json:"number"`
	Time     Time           `json:"time"`
	MaxAge   int64          `json:"max_age,omitempty"` // ms from Time, after which license files need a newer statement; 0: never
	Keys     []KeyStatement `json:"keys,omitempty"`
	Licenses []license.ID   `json:"licenses,omitempty"` // revoked, in the order of ids
}

// KeyStatement says that a key is good no longer.
type KeyStatement struct {
	Key    string    `json:"key"`    // fingerprint, upper-case hex
	Status KeyStatus `json:"status"` // why
	Since  Time      `json:"since"`
}

// KeyStatus says what became of a key, in the words of an OpenPGP revocation.
type KeyStatus string

// The statuses. What a compromised key has signed is worth nothing, whenever it says that it was signed; what a retired one signed before
// Since stays good.
const (
	Compromised KeyStatus = "compromised"
	Retired     KeyStatus = "retired"
)

// Document of the statement.
func (s Statement) Document() []byte { s.Type = TypeStatement; return encode(s) }

// SignStatement makes the text of a statement.
func SignStatement(s Statement, by license.Signer, now time.Time) ([]byte, error) {
	return signDocument(license.UseStatement, s.Document(), by, now)
}

// OpenStatement verifies the text of a statement and then reads it. Whether it is new enough is for the caller to check.
func OpenStatement(t []byte, keys license.Keyring, now time.Time) (*Statement, error) {
	s := new(Statement)
	return s, openDocument(license.UseStatement, TypeStatement, MaxStatement, t, keys, now, s)
}

// Revokes tells whether the license is revoked.
func (s *Statement) Revokes(id license.ID) bool {
	for _, revoked := range s.Licenses {
		if revoked == id {
			return true
		}
	}
	return false
}

// ParseTrustedStatement reads the text of a statement that was verified before, and kept where nobody else writes.
func ParseTrustedStatement(t []byte) (*Statement, error) {
	document, _, err := splitSignature(t)
	if err != nil {
		return nil, err
	}
	s := new(Statement)
	return s, decode(document, TypeStatement, s)
}

// Key gives what the statement says of a key.
func (s *Statement) Key(fingerprint string) (KeyStatement, bool) {
	for _, k := range s.Keys {
		if k.Key == fingerprint {
			return k, true
		}
	}
	return KeyStatement{}, false
}

// Delegation lets a relay answer in the product's name, for one license and no longer than it says. It is signed by a key of the use
// delegation. What a relay signs with its own key is worth nothing without it.
type Delegation struct {
	Type         string     `json:"type"`
	Product      license.ID `json:"product"`
	License      license.ID `json:"license"`
	Key          string     `json:"key"`    // the relay's Ed25519 public key, 64 hex digits
	Number       int64      `json:"number"` // of the relay's delegations; none is accepted after one with a higher number
	Epoch        int64      `json:"epoch"`  // of the server that gave it
	Time         Time       `json:"time"`
	Allowance    int64      `json:"allowance"` // calls that the relay may hand out
	Entitlements []Pool     `json:"entitlements,omitempty"`
	NotAfter     Time       `json:"not_after"` // no lease of the relay lasts longer
}

// Grants tells whether the relay may hand out slots of the entitlement.
func (d *Delegation) Grants(entitlement string) bool {
	for _, p := range d.Entitlements {
		if p.Entitlement == entitlement {
			return true
		}
	}
	return false
}

// Pool is how many slots of an entitlement a relay may hand out.
type Pool struct {
	Entitlement string `json:"entitlement"`
	Slots       int64  `json:"slots"`
}

// SignDelegation makes the text of a delegation.
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
