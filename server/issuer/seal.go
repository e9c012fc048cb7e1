package issuer

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"github.com/onelicense/onelicense/license"
)

// seal is AES-256-GCM under the master key. The purpose is bound to the ciphertext, so that keys that are moved to another product's record
// do not open there. Other master keys only open: while one key replaces another, and while some nodes seal under the next key already.
//
//	1 byte version, 12 bytes nonce, ciphertext and tag
type seal struct {
	aead   cipher.AEAD
	others []cipher.AEAD
}

// version of the form above, so that another cipher can follow.
const version = 1

func newSeal(master []byte, others ...[]byte) (s seal, err error) {
	if s.aead, err = newAEAD(master); err != nil {
		return seal{}, err
	}
	for _, key := range others {
		aead, err := newAEAD(key)
		if err != nil {
			return seal{}, err
		}
		s.others = append(s.others, aead)
	}
	return s, nil
}

func newAEAD(master []byte) (cipher.AEAD, error) {
	if len(master) != MasterKeySize {
		return nil, fmt.Errorf("the master key has %d bytes, not %d", len(master), MasterKeySize)
	}
	block, err := aes.NewCipher(master)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// close seals for one purpose, which bound names.
func (s seal) close(random io.Reader, bound, plain []byte) ([]byte, error) {
	sealed := make([]byte, 1+s.aead.NonceSize(), 1+s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	sealed[0] = version
	if _, err := io.ReadFull(random, sealed[1:]); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return s.aead.Seal(sealed, sealed[1:], plain, bound), nil
}

// open returns the plaintext, and whether another than the current master key opened it.
func (s seal) open(bound, sealed []byte) (plain []byte, other bool, err error) {
	n := 1 + s.aead.NonceSize()
	if len(sealed) < n || sealed[0] != version {
		return nil, false, errors.New("has an unknown encryption format; use a newer version of this program")
	}
	for i, aead := range append([]cipher.AEAD{s.aead}, s.others...) {
		if plain, err := aead.Open(nil, sealed[1:n], sealed[n:], bound); err == nil {
			return plain, i > 0, nil
		}
	}
	return nil, false, errors.New("cannot be decrypted: the master key is a different one, or the data was changed")
}

func productPurpose(id license.ID) []byte { return []byte("onelicense/keys/1\n" + string(id)) }

func secretPurpose(name string) []byte { return []byte("onelicense/secret/1\n" + name) }
