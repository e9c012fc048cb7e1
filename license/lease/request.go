package lease

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"

	circl "github.com/cloudflare/circl/sign/ed25519"
	"github.com/onelicense/onelicense/license"
)

// Sign returns the text of a request, signed with the device's key, which it also writes into the request.
func (r *Request) Sign(device ed25519.PrivateKey) []byte {
	r.Type = TypeRequest
	r.Device = hex.EncodeToString(device.Public().(ed25519.PublicKey))
	document := encode(r)
	return joinSignature(document, circl.Sign(circl.PrivateKey(device), document))
}

// RequestHash returns the hash of a request's document, which the answer must name.
func RequestHash(request []byte) Hash {
	document, _, _ := bytes.Cut(request, []byte("\n"))
	return HashOf(document)
}

// Activation returns the id of the activation that the request belongs to.
func (r *Request) Activation() Hash {
	key, _ := hex.DecodeString(r.Device)
	return ActivationID(key)
}

// OpenRequest checks the device's signature and then the form of a request. It also returns the hash that the answer must name. Errors
// have the codes request_malformed, request_signature, protocol_unsupported or number_too_high.
func OpenRequest(t []byte) (*Request, Hash, error) {
	if len(t) > MaxRequest {
		return nil, "", license.Refuse(license.CodeRequestMalformed, "%d bytes, at most %d are allowed", len(t), MaxRequest)
	}
	document, signature, err := splitSignature(t)
	if err != nil {
		return nil, "", license.Refuse(license.CodeRequestMalformed, "%v", err)
	}
	if documentType(document) != TypeRequest {
		return nil, "", license.Refuse(license.CodeProtocolUnsupported, "type %q, this server speaks %s", documentType(document), TypeRequest)
	}
	var r Request
	if err := decode(document, TypeRequest, &r); err != nil {
		return nil, "", license.Refuse(license.CodeRequestMalformed, "%v", err)
	}
	key, err := hex.DecodeString(r.Device)
	if err != nil || !isHex(r.Device, 2*ed25519.PublicKeySize) || !ed25519.Verify(key, document, signature) {
		return nil, "", license.Refuse(license.CodeRequestSignature, "device %.64s", r.Device)
	}
	if err := r.validate(); err != nil {
		return nil, "", err
	}
	return &r, HashOf(document), nil
}

// validate checks the ranges of all values. The server checks them against its records.
func (r *Request) validate() error {
	bad := func(member string) error {
		return license.Refuse(license.CodeRequestMalformed, "%s is out of range", member)
	}
	switch {
	case !r.Product.Valid():
		return bad("product")
	case !r.Version.Valid():
		return bad("version")
	case !r.License.Valid():
		return bad("license")
	case !isHex(r.Nonce, 32):
		return bad("nonce")
	case r.Generation < 1 || r.Generation > MaxCount:
		return bad("generation")
	case r.Number < 1 || r.Number > MaxCount:
		return bad("number")
	case !r.Previous.Valid() || (r.Number == 1) != (r.Previous == OriginLink):
		return bad("previous")
	case r.Epoch < 0 || r.Epoch > MaxCount:
		return bad("epoch")
	case r.Counted < 0 || r.Counted > MaxCount:
		return license.Refuse(license.CodeNumberTooHigh, "counted %d", r.Counted)
	case r.Keyring != "" && !r.Keyring.Valid():
		return bad("keyring")
	case len(r.Challenge) > 128:
		return bad("challenge")
	case r.Refused != "" && (!r.Refused.Valid() || r.Challenge == ""):
		return bad("refused")
	}
	seen := map[string]bool{}
	for _, w := range r.Want {
		if !w.Slot.valid() || seen[w.Entitlement] || w.Borrow < 0 || w.Borrow > MaxCount {
			return bad("want")
		}
		seen[w.Entitlement] = true
	}
	clear(seen)
	for _, s := range r.Drop {
		if !s.valid() || seen[s.Entitlement] {
			return bad("drop")
		}
		seen[s.Entitlement] = true
	}
	clear(seen)
	for _, p := range r.Fingerprint {
		if !license.ValidName(p.Name) || seen[p.Name] || !isHex(p.Hash, 32) || len(r.Fingerprint) > MaxFingerprintParts {
			return bad("fingerprint")
		}
		seen[p.Name] = true
	}
	if r.List < 0 || r.List > MaxCount {
		return bad("list")
	}
	if r.Statistics != nil && !r.Statistics.Valid() {
		return bad("statistics")
	}
	return nil
}

func (s Slot) valid() bool { return license.ValidName(s.Entitlement) && license.ValidName(s.Context) }

// Valid reports whether the statistics are within their limits.
func (s Statistics) Valid() bool {
	return isShortASCII(s.Program) && isShortASCII(s.Platform) && isShortASCII(s.Host) && ValidNumbers(s.Numbers)
}

// ValidNumbers reports whether the numbers are within their limits: not too many, each with a name of its own.
func ValidNumbers(list []NamedNumber) bool {
	seen := map[string]bool{}
	for _, n := range list {
		if !license.ValidName(n.Name) || seen[n.Name] || n.Value < -MaxCount || n.Value > MaxCount {
			return false
		}
		seen[n.Name] = true
	}
	return len(list) <= MaxStatisticsNumbers
}

// isShortASCII reports whether s is printable ASCII of at most MaxStatisticsText bytes, so that it has the same form in every encoding.
func isShortASCII(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(s) <= MaxStatisticsText
}
