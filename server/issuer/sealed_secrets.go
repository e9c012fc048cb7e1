package issuer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
)

// Sealer seals what is no product's key but must be read again too: the secret of a second factor, the password of a mail server. It has a
// key of its own, derived from the master key, so that nothing that it seals is ever taken for a product's keys.
type Sealer struct{ aead cipher.AEAD }

// NewSealer makes one of a master key.
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

// Seal binds the secret to its purpose: for another one it does not open.
func (s *Sealer) Seal(purpose string, plain []byte) ([]byte, error) {
	return s.aead.Seal([]byte{version}, nil, plain, []byte(purpose)), nil
}

// Open gives what was sealed for the purpose.
func (s *Sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1 || sealed[0] != version {
		return nil, errors.New("a secret is not sealed in a form that this program knows")
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], []byte(purpose))
	if err != nil {
		return nil, errors.New("a secret does not open: the master key is another one, or the record was changed")
	}
	return plain, nil
}
