package lease

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/onelicense/onelicense/license"
)

// Document is a lease or a refusal that is not signed yet. A server stores it and signs it when it is sent, again if need be: what
// the client relies on is the document, not the bytes of one signature.
type Document []byte

// Document of the lease.
func (l Lease) Document() Document { l.Type = TypeLease; return encode(l) }

// Document of the refusal.
func (r Refusal) Document() Document { r.Type = TypeRefusal; return encode(r) }

// Sign makes the signed text of a document.
func (d Document) Sign(by license.Signer, now time.Time) ([]byte, error) {
	signature, err := by.Sign(license.UseLease, d, now)
	if err != nil {
		return nil, err
	}
	return text(d, signature), nil
}

// Answer is a verified lease or refusal: exactly one of the two is set.
type Answer struct {
	Lease     *Lease
	Refusal   *Refusal
	Text      []byte // the signed text, without a keyring
	Signature license.Signature
}

// Open verifies the signed text of a lease or refusal and then reads it. Whether it is the answer to one's own request, and new
// enough, is for the caller to check.
func Open(t []byte, keys license.Keyring, now time.Time) (*Answer, error) {
	document, signature, err := split(t)
	if err != nil {
		return nil, err
	}
	if len(document) > MaxLease {
		return nil, license.Refuse(license.CodeLeaseMalformed, "%d bytes, at most %d are allowed", len(document), MaxLease)
	}
	a := &Answer{Text: t}
	if a.Signature, err = keys.Verify(license.UseLease, document, signature, now); err != nil {
		return nil, err
	}
	switch kind := kindOf(document); kind {
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

// keyringPrefix begins the third line of an answer whose request named another keyring than the product's.
const keyringPrefix = "keyring "

// WithKeyring adds the product's certificate to an answer.
func WithKeyring(answer, certificate []byte) []byte {
	line := keyringPrefix + base64.StdEncoding.EncodeToString(certificate) + "\n"
	return append(answer[:len(answer):len(answer)], line...)
}

// CutKeyring takes the certificate off an answer; nil if it has none. The certificate is not trusted until its root is compared
// with the pin.
func CutKeyring(answer []byte) (signed, certificate []byte, err error) {
	lines := bytes.SplitAfterN(answer, []byte("\n"), 3)
	if len(lines) < 3 || len(lines[2]) == 0 {
		return answer, nil, nil
	}
	signed = answer[:len(lines[0])+len(lines[1])]
	line, ok := bytes.CutPrefix(bytes.TrimSuffix(lines[2], []byte("\n")), []byte(keyringPrefix))
	if !ok {
		return nil, nil, license.Refuse(license.CodeLeaseMalformed, "the third line is not a keyring")
	}
	if certificate, err = base64.StdEncoding.Strict().DecodeString(string(line)); err != nil {
		return nil, nil, license.Refuse(license.CodeKeyringInvalid, "%v", err)
	}
	return signed, certificate, nil
}

// ClaimedTime reads the time that a signed document claims, before it is verified. It serves only to choose the time of the
// verification on a machine whose clock is behind; what proves that an answer is fresh is the nonce in it.
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

// Std is the same instant as a time.Time.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)) }
