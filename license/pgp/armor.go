package pgp

import (
	"bytes"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/onelicense/onelicense/license"
)

const (
	publicBlock  = "PGP PUBLIC KEY BLOCK"
	privateBlock = "PGP PRIVATE KEY BLOCK"
)

// MaxCertificate limits a certificate in bytes, and with it the work of checking one. A product's keyring has a few hundred bytes per
// key.
const MaxCertificate = 65536

// dearmor returns the binary packets of a certificate or secret key. Armored text must be one block with nothing around it: the armor
// decoder alone skips what comes before it and ignores what comes after it.
func dearmor(data []byte, block string) ([]byte, error) {
	if len(data) > 2*MaxCertificate {
		return nil, license.Refuse(license.CodeKeyringInvalid, "%d bytes", len(data))
	}
	if len(data) > 0 && data[0] < 0x80 {
		text := bytes.TrimSpace(data)
		begin, end := []byte("-----BEGIN "+block+"-----"), []byte("-----END "+block+"-----")
		if !bytes.HasPrefix(text, begin) || !bytes.HasSuffix(text, end) || bytes.Count(text, []byte("-----BEGIN")) != 1 {
			return nil, license.Refuse(license.CodeKeyringInvalid, "neither binary nor exactly one armored %s", block)
		}
		decoded, err := armor.Decode(bytes.NewReader(text))
		if err != nil {
			return nil, license.Refuse(license.CodeKeyringInvalid, "the armor does not decode")
		}
		if data, err = io.ReadAll(decoded.Body); err != nil {
			return nil, license.Refuse(license.CodeKeyringInvalid, "the armor does not decode")
		}
	}
	if len(data) == 0 || len(data) > MaxCertificate {
		return nil, license.Refuse(license.CodeKeyringInvalid, "%d bytes, at most %d", len(data), MaxCertificate)
	}
	return data, nil
}

// enarmor returns packets as armored text.
func enarmor(data []byte, block string) ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, block, nil)
	if err != nil {
		return nil, fmt.Errorf("armor a %s: %w", block, err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("armor a %s: %w", block, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("armor a %s: %w", block, err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// Armored returns the certificate as armored text.
func (k *Keyring) Armored() ([]byte, error) { return enarmor(k.certificate, publicBlock) }
