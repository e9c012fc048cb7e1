package pgp

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/onelicense/onelicense/license"
)

// SecretKeyring holds a product's private keys with their certificate. It never changes, so many goroutines may sign with it at once;
// AddKey and Revoke return another one. The keys are unencrypted: the issuer encrypts them at rest.
type SecretKeyring struct {
	packets []*packet.OpaquePacket
	public  *Keyring
	private map[string]*packet.PrivateKey // by fingerprint, without keys whose private part is elsewhere
}

var _ license.Signer = (*SecretKeyring)(nil)

// ParseSecretKeyring reads what Serialize or Armored wrote, or the output of `gpg --export-secret-keys` for a key without passphrase.
func ParseSecretKeyring(data []byte) (*SecretKeyring, error) {
	binary, err := dearmor(data, privateBlock)
	if err != nil {
		return nil, err
	}
	packets, err := splitPackets(binary)
	if err != nil {
		return nil, err
	}
	return newSecretKeyring(packets)
}

// newSecretKeyring reads a secret keyring from its packets.
func newSecretKeyring(packets []*packet.OpaquePacket) (*SecretKeyring, error) {
	s := &SecretKeyring{packets: packets, private: map[string]*packet.PrivateKey{}}
	var public []*packet.OpaquePacket
	for _, p := range packets {
		if p.Tag != tagSecretKey && p.Tag != tagSecretSubkey {
			public = append(public, p)
			continue
		}
		parsed, err := p.Parse()
		private, ok := parsed.(*packet.PrivateKey)
		switch {
		case err != nil || !ok:
			return nil, license.Refuse(license.CodeKeyringInvalid, "a private key cannot be read")
		case private.Encrypted:
			return nil, license.Refuse(license.CodeKeyringInvalid, "private key %s has a passphrase", fingerprint(&private.PublicKey))
		case !private.Dummy():
			s.private[fingerprint(&private.PublicKey)] = private
		}
		half, err := publicKeyPacket(&private.PublicKey)
		if err != nil {
			return nil, err
		}
		public = append(public, half)
	}
	if len(s.private) == 0 {
		return nil, license.Refuse(license.CodeKeyringInvalid, "it holds no private key")
	}
	var err error
	if s.public, err = assembleKeyring(public); err != nil {
		return nil, err
	}
	if err := s.public.checkAllBindings(); err != nil {
		return nil, err
	}
	return s, nil
}

// publicKeyPacket returns the packet of a public key.
func publicKeyPacket(k *packet.PublicKey) (*packet.OpaquePacket, error) {
	var b bytes.Buffer
	if err := k.Serialize(&b); err != nil {
		return nil, fmt.Errorf("write a public key: %w", err)
	}
	p, err := packet.NewOpaqueReader(&b).Next()
	if err != nil {
		return nil, fmt.Errorf("write a public key: %w", err)
	}
	return p, nil
}

// Serialize returns the keyring in binary, unencrypted.
func (s *SecretKeyring) Serialize() ([]byte, error) { return serialize(s.packets) }

// Armored returns the keyring as armored text, unencrypted.
func (s *SecretKeyring) Armored() ([]byte, error) {
	data, err := s.Serialize()
	if err != nil {
		return nil, err
	}
	return enarmor(data, privateBlock)
}

// Public returns the keyring that verifies the signatures.
func (s *SecretKeyring) Public() *Keyring { return s.public }

// SigningKey returns the fingerprint of the key that Sign uses at the time now; empty: there is none.
func (s *SecretKeyring) SigningKey(use license.Use, now time.Time) string {
	private, err := s.privateKeyFor(use, now)
	if err != nil {
		return ""
	}
	return fingerprint(&private.PublicKey)
}

// privateKeyFor returns the newest key that is good for the use at the time now; of two made in the same second, the one added later.
func (s *SecretKeyring) privateKeyFor(use license.Use, now time.Time) (*packet.PrivateKey, error) {
	var newest *key
	for _, k := range s.public.keys {
		if s.private[k.fingerprint] == nil || !slices.Contains(k.uses, use) ||
			k.created.After(now) || s.public.root.created.After(now) || s.public.state(k, now) != Current ||
			newest != nil && k.created.Before(newest.created) {
			continue
		}
		newest = k
	}
	if newest == nil {
		return nil, license.Refuse(license.CodeKeyUse, "no key of %s is good for signing a %s at %s", s.public.root.fingerprint, use,
			formatTime(now))
	}
	return s.private[newest.fingerprint], nil
}

// HasPrivateKey reports whether the private part of a key is present.
func (s *SecretKeyring) HasPrivateKey(fingerprint string) bool { return s.private[fingerprint] != nil }

// HasRootKey reports whether the private primary key is present, so that keys can be added and revoked.
func (s *SecretKeyring) HasRootKey() bool { return s.HasPrivateKey(s.public.root.fingerprint) }

// WithoutPrivateKeys returns the keyring without the private parts of some keys. The certificate stays the same.
func (s *SecretKeyring) WithoutPrivateKeys(fingerprints ...string) (*SecretKeyring, error) {
	packets := slices.Clone(s.packets)
	for i, p := range packets {
		if p.Tag != tagSecretKey && p.Tag != tagSecretSubkey {
			continue
		}
		half, name, err := publicPartOf(p)
		if err != nil {
			return nil, err
		}
		if slices.Contains(fingerprints, name) {
			packets[i] = half
		}
	}
	return newSecretKeyring(packets)
}

// publicPartOf returns the public part of a secret key packet that was read before, and the key's fingerprint.
func publicPartOf(p *packet.OpaquePacket) (half *packet.OpaquePacket, name string, err error) {
	parsed, err := p.Parse()
	private, ok := parsed.(*packet.PrivateKey)
	if err != nil || !ok {
		return nil, "", license.Refuse(license.CodeKeyringInvalid, "a private key cannot be read")
	}
	half, err = publicKeyPacket(&private.PublicKey)
	return half, fingerprint(&private.PublicKey), err
}

// deterministicConfig returns the configuration for signing: signatures contain nothing random, so the same input gives the same bytes. A
// signature of version 6 has a salt, which only has to be unpredictable for others: it is derived from the key and from what is signed.
func deterministicConfig(by *packet.PrivateKey, signed *packet.Signature, subject ...[]byte) *packet.Config {
	c := &packet.Config{Rand: refusingReader{}, NonDeterministicSignaturesViaNotation: packet.BoolPointer(false)}
	if signed.Version < V6 {
		return c
	}
	mac := hmac.New(sha256.New, privateKeyBytes(by))
	// writing to a hash does not fail
	_ = binary.Write(mac, binary.BigEndian, []uint64{uint64(signed.SigType), uint64(signed.CreationTime.Unix())})
	for _, b := range subject {
		mac.Write(b)
	}
	c.Rand = bytes.NewReader(mac.Sum(nil))
	return c
}

// privateKeyBytes returns the serialized private key, which only its holder knows.
func privateKeyBytes(k *packet.PrivateKey) []byte {
	var b bytes.Buffer
	if err := k.Serialize(&b); err != nil {
		panic(err) // it was read from bytes, and writing to a buffer does not fail
	}
	return b.Bytes()
}

// refusingReader fails each read, which proves that signing uses no randomness.
type refusingReader struct{}

func (refusingReader) Read([]byte) (int, error) {
	return 0, fmt.Errorf("signing must not need randomness")
}

// Sign implements license.Signer: it returns one detached signature over message, as Verify expects it for the use. The time is truncated
// to seconds.
func (s *SecretKeyring) Sign(use license.Use, message []byte, now time.Time) ([]byte, error) {
	private, err := s.privateKeyFor(use, now)
	if err != nil {
		return nil, err
	}
	signature := newSignature(&private.PublicKey, packet.SignatureType(signatureType(use)), now)
	if use == license.UseFile {
		message = withCRLF(message)
	}
	how := deterministicConfig(private, signature, message)
	h, err := signature.PrepareSign(how)
	if err != nil {
		return nil, fmt.Errorf("sign a %s: %w", use, err)
	}
	h.Write(message)
	if err := signature.Sign(h, private, how); err != nil {
		return nil, fmt.Errorf("sign a %s: %w", use, err)
	}
	var b bytes.Buffer
	if err := signature.Serialize(&b); err != nil {
		return nil, fmt.Errorf("sign a %s: %w", use, err)
	}
	return b.Bytes(), nil
}

// withCRLF turns every line end into CRLF, as OpenPGP does before it hashes text.
func withCRLF(text []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// newSignature returns a signature packet by the key that is not signed yet.
func newSignature(by *packet.PublicKey, kind packet.SignatureType, now time.Time) *packet.Signature {
	id := by.KeyId
	return &packet.Signature{
		Version:           by.Version,
		SigType:           kind,
		PubKeyAlgo:        by.PubKeyAlgo,
		Hash:              crypto.SHA256,
		CreationTime:      now,
		IssuerKeyId:       &id,
		IssuerKeyVersion:  uint8(by.Version),
		IssuerFingerprint: by.Fingerprint,
	}
}
