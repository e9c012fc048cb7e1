package pgp

import (
	"bytes"
	"crypto"
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
func (s *Secret) Serialize() ([]byte, error) {
	var b bytes.Buffer
	for _, p := range s.packets {
		if err := p.Serialize(&b); err != nil {
			return nil, fmt.Errorf("write the secret key: %w", err)
		}
	}
	return b.Bytes(), nil
}

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

// signer picks the newest key that is good for the use at the time now.
func (s *Secret) signer(use license.Use, now time.Time) (*packet.PrivateKey, error) {
	var newest *key
	for _, k := range s.public.keys {
		if s.private[k.fingerprint] == nil || !slices.Contains(k.uses, use) || k.public.Version != 4 ||
			k.created.After(now) || s.public.root.created.After(now) || s.public.state(k, now) != Current ||
			newest != nil && !k.created.After(newest.created) {
			continue
		}
		newest = k
	}
	if newest == nil {
		return nil, license.Refuse(license.CodeKeyUse, "no key of %s is good for signing a %s at %s", s.public.root.fingerprint, use, stamp(now))
	}
	return s.private[newest.fingerprint], nil
}

// hardened is how everything is signed: nothing random is in a signature, so the same input gives the same bytes.
var hardened = &packet.Config{
	Rand:                                  noRandom{},
	NonDeterministicSignaturesViaNotation: packet.BoolPointer(false),
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
	h, err := signature.PrepareSign(hardened)
	if err != nil {
		return nil, fmt.Errorf("sign a %s: %w", use, err)
	}
	if use == license.UseFile {
		message = canonical(message)
	}
	h.Write(message)
	if err := signature.Sign(h, private, hardened); err != nil {
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
