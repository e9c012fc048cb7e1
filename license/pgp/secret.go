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

// Secret is a product's private keys with their certificate. It never changes, so many may sign with it at once; AddKey and
// Revoke make another. It holds the keys in the clear: encryption at rest is the issuer's affair.
type Secret struct {
	packets []*packet.OpaquePacket
	public  *Keyring
	private map[string]*packet.PrivateKey // by fingerprint; keys whose private part is elsewhere are missing
}

var _ license.Signer = (*Secret)(nil)

// ParseSecret reads what Serialize or Armored wrote, or what `gpg --export-secret-keys` did for a key without passphrase.
func ParseSecret(data []byte) (*Secret, error) {
	binary, err := dearmor(data, privateBlock)
	if err != nil {
		return nil, err
	}
	packets, err := split(binary)
	if err != nil {
		return nil, err
	}
	return secret(packets)
}

func secret(packets []*packet.OpaquePacket) (*Secret, error) {
	s := &Secret{packets: packets, private: map[string]*packet.PrivateKey{}}
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
		half, err := publicHalf(&private.PublicKey)
		if err != nil {
			return nil, err
		}
		public = append(public, half)
	}
	if len(s.private) == 0 {
		return nil, license.Refuse(license.CodeKeyringInvalid, "it holds no private key")
	}
	var err error
	if s.public, err = assemble(public); err != nil {
		return nil, err
	}
	if err := s.public.settle(); err != nil {
		return nil, err
	}
	return s, nil
}

// publicHalf makes the public key packet out of a private key.
func publicHalf(k *packet.PublicKey) (*packet.OpaquePacket, error) {
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

// Serialize writes the secret in binary, unencrypted.
func (s *Secret) Serialize() ([]byte, error) { return serialize(s.packets) }

// Armored is Serialize as text.
func (s *Secret) Armored() ([]byte, error) {
	data, err := s.Serialize()
	if err != nil {
		return nil, err
	}
	return enarmor(data, privateBlock)
}

// Public is the keyring that the secret's signatures are checked with.
func (s *Secret) Public() *Keyring { return s.public }

// Signing is the fingerprint of the key that Sign takes for the use at the time now; empty: there is none.
func (s *Secret) Signing(use license.Use, now time.Time) string {
	private, err := s.signer(use, now)
	if err != nil {
		return ""
	}
	return fingerprint(&private.PublicKey)
}

// signer picks the newest key that is good for the use at the time now; of two made in the same second, the one added later.
func (s *Secret) signer(use license.Use, now time.Time) (*packet.PrivateKey, error) {
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
		return nil, license.Refuse(license.CodeKeyUse, "no key of %s is good for signing a %s at %s", s.public.root.fingerprint, use, stamp(now))
	}
	return s.private[newest.fingerprint], nil
}

// Holds tells whether the private part of a key is here.
func (s *Secret) Holds(fingerprint string) bool { return s.private[fingerprint] != nil }

// HoldsRoot tells whether keys can be added and revoked here.
func (s *Secret) HoldsRoot() bool { return s.Holds(s.public.root.fingerprint) }

// Without is the secret without the private parts of some keys. The certificate stays the same.
func (s *Secret) Without(fingerprints ...string) (*Secret, error) {
	packets := slices.Clone(s.packets)
	for i, p := range packets {
		if p.Tag != tagSecretKey && p.Tag != tagSecretSubkey {
			continue
		}
		half, name, err := halfOf(p)
		if err != nil {
			return nil, err
		}
		if slices.Contains(fingerprints, name) {
			packets[i] = half
		}
	}
	return secret(packets)
}

// halfOf is the public half of a secret key packet that was read before, and the key's fingerprint.
func halfOf(p *packet.OpaquePacket) (half *packet.OpaquePacket, name string, err error) {
	parsed, err := p.Parse()
	private, ok := parsed.(*packet.PrivateKey)
	if err != nil || !ok {
		return nil, "", license.Refuse(license.CodeKeyringInvalid, "a private key cannot be read")
	}
	half, err = publicHalf(&private.PublicKey)
	return half, fingerprint(&private.PublicKey), err
}

// hardened is how everything is signed: nothing random is in a signature, so the same input gives the same bytes. A signature of version 6
// has a salt, which only has to be unforeseeable for others: it follows from the key and from what is signed.
func hardened(by *packet.PrivateKey, signed *packet.Signature, subject ...[]byte) *packet.Config {
	c := &packet.Config{Rand: noRandom{}, NonDeterministicSignaturesViaNotation: packet.BoolPointer(false)}
	if signed.Version < V6 {
		return c
	}
	mac := hmac.New(sha256.New, secretOf(by))
	_ = binary.Write(mac, binary.BigEndian, []uint64{uint64(signed.SigType), uint64(signed.CreationTime.Unix())}) // a hash takes all
	for _, b := range subject {
		mac.Write(b)
	}
	c.Rand = bytes.NewReader(mac.Sum(nil))
	return c
}

// secretOf is what only the holder of the key knows.
func secretOf(k *packet.PrivateKey) []byte {
	var b bytes.Buffer
	if err := k.Serialize(&b); err != nil {
		panic(err) // it was read from bytes, and a buffer takes all
	}
	return b.Bytes()
}

// noRandom proves that signing takes no randomness behind the caller's back.
type noRandom struct{}

func (noRandom) Read([]byte) (int, error) {
	return 0, fmt.Errorf("signing must not need randomness")
}

// Sign makes one detached signature over message, as Verify wants it for the use. The time is cut to whole seconds.
func (s *Secret) Sign(use license.Use, message []byte, now time.Time) ([]byte, error) {
	private, err := s.signer(use, now)
	if err != nil {
		return nil, err
	}
	signature := blank(&private.PublicKey, packet.SignatureType(kind(use)), now)
	if use == license.UseFile {
		message = canonical(message)
	}
	how := hardened(private, signature, message)
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

// canonical makes every line end CRLF, as OpenPGP does before it hashes text.
func canonical(text []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// blank is a signature packet by the key, with nothing said yet.
func blank(by *packet.PublicKey, kind packet.SignatureType, now time.Time) *packet.Signature {
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
