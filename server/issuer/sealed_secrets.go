package issuer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
)

// Sealer seals secrets other than product keys that must be read again: the secret of a second factor, the password of a mail server. It
// has a key of its own, derived from the master key, so that nothing that it seals can be used as a product's keys.
type Sealer struct{ aead cipher.AEAD }

// NewSealer returns a sealer with a key that is derived from the master key.
func NewSealer(master []byte) (*Sealer, error) {
	key, err := hkdf.Key(sha256.New, master, nil, "onelicense/secrets/1", MasterKeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &Sealer{aead}, err
}

// Seal binds the secret to its purpose; for another purpose it does not open.
func (s *Sealer) Seal(purpose string, plain []byte) ([]byte, error) {
	return s.aead.Seal([]byte{version}, nil, plain, []byte(purpose)), nil
}

// Open returns the secret that was sealed for the purpose.
func (s *Sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1 || sealed[0] != version {
		return nil, errors.New("a secret has an unknown encryption format; use a newer version of this program")
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], []byte(purpose))
	if err != nil {
		return nil, errors.New("a secret cannot be decrypted: the master key is a different one, or the record was changed")
	}
	return plain, nil
}
