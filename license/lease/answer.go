package lease

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/onelicense/onelicense/license"
)

// Document is a lease or a refusal that is not signed yet. A server stores it and signs it when it is sent, again if necessary: a client
// relies on the document, not on the bytes of one signature.
type Document []byte

// Document returns the lease as a document.
func (l Lease) Document() Document { l.Type = TypeLease; return encode(l) }

// Document returns the refusal as a document.
func (r Refusal) Document() Document { r.Type = TypeRefusal; return encode(r) }

// Sign returns the signed text of a document.
func (d Document) Sign(by license.Signer, now time.Time) ([]byte, error) {
	return signDocument(license.UseLease, d, by, now)
}

// SignByRelay signs a document with a relay's own key, which a delegation names.
func (d Document) SignByRelay(relay ed25519.PrivateKey) []byte {
	return joinSignature(d, ed25519.Sign(relay, d))
}

// Answer is a verified lease or refusal: exactly one of the two is set.
type Answer struct {
	Lease   *Lease
	Refusal *Refusal
	Text    []byte // the signed text, without attachments
	Key     string // signing key: a fingerprint, or a relay's public key
}

// Open verifies the signed text of a lease or refusal and then reads it. The caller must check that it answers its own request and is new
// enough.
func Open(t []byte, keys license.Keyring, now time.Time) (*Answer, error) {
	return openAnswer(t, func(document, signature []byte) (string, error) {
		s, err := keys.Verify(license.UseLease, document, signature, now)
		return s.Key, err
	})
}

// OpenDelegated is Open for the answer of a relay.
func OpenDelegated(t []byte, d *Delegation) (*Answer, error) {
	return openAnswer(t, func(document, signature []byte) (string, error) {
		key, err := hex.DecodeString(d.Key)
		if err != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, document, signature) {
			return "", license.Refuse(license.CodeSignatureInvalid, "not by the relay's key %.64s", d.Key)
		}
		return d.Key, nil
	})
}

func openAnswer(t []byte, verify func(document, signature []byte) (key string, err error)) (*Answer, error) {
	document, signature, err := splitSignature(t)
	if err != nil {
		return nil, err
	}
	if len(document) > MaxLease {
		return nil, license.Refuse(license.CodeLeaseMalformed, "%d bytes, at most %d are allowed", len(document), MaxLease)
	}
	a := &Answer{Text: t}
	if a.Key, err = verify(document, signature); err != nil {
		return nil, err
	}
	switch kind := documentType(document); kind {
	case TypeLease:
		a.Lease = new(Lease)
		err = decode(document, kind, a.Lease)
	case TypeRefusal:
		a.Refusal = new(Refusal)
		err = decode(document, kind, a.Refusal)
	default:
		return nil, license.Refuse(license.CodeProtocolUnsupported, "type %q", kind)
	}
	if err != nil {
		return nil, license.Refuse(license.CodeLeaseMalformed, "%v", err)
	}
	return a, nil
}

// ClaimedTime reads the time that a signed document claims, before it is verified. It only serves to choose the verification time on a
// machine whose clock is behind; the nonce in an answer proves that it is fresh.
func ClaimedTime(t []byte) Time {
	var claim struct {
		Time Time `json:"time"`
	}
	document, _, _ := bytes.Cut(t, []byte("\n"))
	if json.Unmarshal(document, &claim) != nil || claim.Time < 0 || claim.Time > MaxCount {
		return 0
	}
	return claim.Time
}

// String formats the time for people, to the second.
func (t Time) String() string { return t.Std().UTC().Format("2006-01-02T15:04:05Z") }

// Std returns the time as a time.Time.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)) }
