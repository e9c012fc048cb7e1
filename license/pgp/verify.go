package pgp

import (
	"bytes"
	"hash"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// ClockTolerance is the largest difference of a signature's time into the future: clocks differ by seconds to minutes.
const ClockTolerance = 5 * time.Minute

// Verify implements license.Keyring: it checks one detached signature over message. First it checks the packet's form and the key, which
// need no cryptography; then the signature; then the times, which only mean something once their author is known.
//
// The key and the root must be valid both at the signature's time and now.
func (k *Keyring) Verify(use license.Use, message, signature []byte, now time.Time) (license.Signature, error) {
	d, err := parseSignature(signature, signatureType(use))
	if err != nil {
		return license.Signature{}, err
	}
	key, err := k.signingKey(d, use)
	if err != nil {
		return license.Signature{}, err
	}
	if err := checkSignature(key, d, message); err != nil {
		return license.Signature{}, err
	}
	if err := k.checkTimes(key, d, now); err != nil {
		return license.Signature{}, err
	}
	return license.Signature{Key: key.fingerprint, Created: d.created}, nil
}

// signatureType returns the OpenPGP signature type of a use's documents: text for files, so that line ends do not matter, binary for the
// rest.
func signatureType(use license.Use) byte {
	if use == license.UseFile {
		return byte(packet.SigTypeText)
	}
	return byte(packet.SigTypeBinary)
}

// signingKey returns the key that the signature names, or a refusal if it is not good for the use.
func (k *Keyring) signingKey(d *signaturePacket, use license.Use) (*key, error) {
	key := k.findIssuer(d)
	switch {
	case key == nil:
		return nil, license.Refuse(license.CodeKeyUnknown, "issuer %s", d.issuerName())
	case key.revoked.hard || k.root.revoked.hard:
		return nil, license.Refuse(license.CodeKeyCompromised, "key %s", key.fingerprint)
	case key.isWeak():
		return nil, license.Refuse(license.CodeKeyWeak, "%s, key %s", key.algorithmName(), key.fingerprint)
	case k.root.isWeak():
		return nil, license.Refuse(license.CodeKeyWeak, "%s, root %s", k.root.algorithmName(), k.root.fingerprint)
	case use != license.UseFile && isRSA(key.public):
		return nil, license.Refuse(license.CodeSignatureAlgorithm, "RSA is for files only, key %s", key.fingerprint)
	case !slices.Contains(key.uses, use):
		return nil, license.Refuse(license.CodeKeyUse, "needed %s, key %s is good for %v", use, key.fingerprint, key.uses)
	case key.public.PubKeyAlgo != d.algorithm || key.public.Version != int(d.version):
		return nil, license.Refuse(license.CodeSignatureAlgorithm, "algorithm %d of version %d is not that of key %s", d.algorithm, d.version,
			key.fingerprint)
	}
	return key, nil
}

// findIssuer looks a key up by the fingerprint, and by the key id only if there is no fingerprint and the id is unique.
func (k *Keyring) findIssuer(d *signaturePacket) *key {
	var found *key
	for _, key := range k.keys {
		switch {
		case d.fingerprint != "":
			if key.fingerprint == d.fingerprint && k.isBound(key) {
				return key
			}
		case d.keyID != nil && key.public.KeyId == *d.keyID && k.isBound(key):
			if found != nil {
				return nil
			}
			found = key
		}
	}
	return found
}

// checkSignature verifies the signature cryptographically.
func checkSignature(key *key, d *signaturePacket, message []byte) error {
	p, err := packet.Read(bytes.NewReader(d.hashedOnly))
	parsed, ok := p.(*packet.Signature)
	if err != nil || !ok {
		return malformed("a subpacket is critical and unknown, or not well-formed")
	}
	h, err := parsed.PrepareVerify()
	if err != nil {
		return malformed("the hash cannot be prepared")
	}
	if d.kind == byte(packet.SigTypeText) {
		_, err = openpgp.NewCanonicalTextHash(h).Write(message)
	} else {
		_, err = h.Write(message)
	}
	if err != nil {
		return license.Refuse(license.CodeSignatureInvalid, "the message cannot be hashed")
	}
	w := &digestRecorder{Hash: h}
	if err := key.public.VerifySignature(w, parsed); err != nil {
		return license.Refuse(license.CodeSignatureInvalid, "key %s", key.fingerprint)
	}
	// go-crypto does not check the two bytes of the hash in version 4. GnuPG does, and a signature must have one form only.
	if !bytes.HasPrefix(w.digest, parsed.HashTag[:]) {
		return license.Refuse(license.CodeSignatureInvalid, "the first bytes of the hash differ, key %s", key.fingerprint)
	}
	return nil
}

// digestRecorder remembers the digest that go-crypto computed.
type digestRecorder struct {
	hash.Hash
	digest []byte
}

func (w *digestRecorder) Sum(b []byte) []byte {
	w.digest = w.Hash.Sum(nil)
	return append(b, w.digest...)
}

// checkTimes checks the signature's times against now and against those of the key and the root.
func (k *Keyring) checkTimes(key *key, d *signaturePacket, now time.Time) error {
	if d.created.After(now.Add(ClockTolerance)) {
		return license.Refuse(license.CodeSignatureFuture, "made %s, now %s", formatTime(d.created), formatTime(now))
	}
	if end := d.created.Add(time.Duration(d.lifetime) * time.Second); d.lifetime != 0 && !now.Before(end) {
		return license.Refuse(license.CodeSignatureExpired, "ended %s, now %s", formatTime(end), formatTime(now))
	}
	if err := key.checkTimes("key", d.created, now); err != nil {
		return err
	}
	return k.root.checkTimes("root", d.created, now)
}

func (k *key) checkTimes(name string, signed, now time.Time) error {
	switch {
	case signed.Before(k.created):
		return license.Refuse(license.CodeKeyExpired, "signed %s, %s made %s", formatTime(signed), name, formatTime(k.created))
	case !k.expires.IsZero() && !signed.Before(k.expires):
		return license.Refuse(license.CodeKeyExpired, "signed %s, %s expired %s", formatTime(signed), name, formatTime(k.expires))
	case !k.expires.IsZero() && !now.Before(k.expires):
		return license.Refuse(license.CodeKeyExpired, "%s expired %s, now %s", name, formatTime(k.expires), formatTime(now))
	case !k.revoked.at.IsZero() && !signed.Before(k.revoked.at):
		return license.Refuse(license.CodeKeyRetired, "signed %s, %s retired %s", formatTime(signed), name, formatTime(k.revoked.at))
	}
	return nil
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
