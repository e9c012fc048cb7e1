package issuer

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"

	"github.com/onelicense/onelicense/license"
)

// seal is AES-256-GCM under the master key. The product's id is bound to what is sealed, so that keys moved to another product's record
// do not open there.
//
//	1 byte version, 12 bytes nonce, ciphertext and tag
type seal struct{ aead cipher.AEAD }

// version of the form above, so that another cipher or master key can follow.
const version = 1

func newSeal(master []byte) (seal, error) {
	if len(master) != MasterKeySize {
		return seal{}, fmt.Errorf("the master key has %d bytes, not %d", len(master), MasterKeySize)
	}
	block, err := aes.NewCipher(master)
	if err != nil {
		return seal{}, err
	}
	aead, err := cipher.NewGCM(block)
	return seal{aead}, err
}

func (s seal) close(random io.Reader, product license.ID, plain []byte) ([]byte, error) {
	sealed := make([]byte, 1+s.aead.NonceSize(), 1+s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	sealed[0] = version
	if _, err := io.ReadFull(random, sealed[1:]); err != nil {
		return nil, fmt.Errorf("sealing keys: %w", err)
	}
	return s.aead.Seal(sealed, sealed[1:], plain, bound(product)), nil
}

func (s seal) open(product license.ID, sealed []byte) ([]byte, error) {
	n := 1 + s.aead.NonceSize()
	if len(sealed) < n || sealed[0] != version {
		return nil, fmt.Errorf("the keys of product %s are not sealed in a form that this program knows", product)
	}
	plain, err := s.aead.Open(nil, sealed[1:n], sealed[n:], bound(product))
	if err != nil {
		return nil, fmt.Errorf("the keys of product %s do not open: the master key is another one, or the record was changed", product)
	}
	return plain, nil
}

func bound(product license.ID) []byte { return []byte("onelicense/keys/1\n" + string(product)) }
