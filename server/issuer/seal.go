package issuer

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"github.com/onelicense/onelicense/license"
)

// seal is AES-256-GCM under the master key. What it belongs to is bound to what is sealed, so that keys moved to another product's record do
// not open there. Beside the present master key there may be others, which only open: while one key takes the place of another, or
// nodes that have the next one already seal beside nodes that do not seal with it yet.
//
//	1 byte version, 12 bytes nonce, ciphertext and tag
type seal struct {
	aead   cipher.AEAD
	others []cipher.AEAD
}

// version of the form above, so that another cipher or master key can follow.
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

// close seals for one place alone, which bound names.
func (s seal) close(random io.Reader, bound, plain []byte) ([]byte, error) {
	sealed := make([]byte, 1+s.aead.NonceSize(), 1+s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	sealed[0] = version
	if _, err := io.ReadFull(random, sealed[1:]); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return s.aead.Seal(sealed, sealed[1:], plain, bound), nil
}

// open also tells whether it was another key than the present one that opened.
func (s seal) open(bound, sealed []byte) (plain []byte, other bool, err error) {
	n := 1 + s.aead.NonceSize()
	if len(sealed) < n || sealed[0] != version {
		return nil, false, errors.New("is not sealed in a form that this program knows")
	}
	for i, aead := range append([]cipher.AEAD{s.aead}, s.others...) {
		if plain, err := aead.Open(nil, sealed[1:n], sealed[n:], bound); err == nil {
			return plain, i > 0, nil
		}
	}
	return nil, false, errors.New("does not open: the master key is another one, or what was sealed has been changed")
}

func productPurpose(id license.ID) []byte { return []byte("onelicense/keys/1\n" + string(id)) }

func secretPurpose(name string) []byte { return []byte("onelicense/secret/1\n" + name) }
