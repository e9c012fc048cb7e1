package pgp

import (
	"bytes"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/onelicense/onelicense/license"
)

// maxDetached is more than a signature of the largest RSA key needs, in bytes.
const maxDetached = 8192

// ParseDetached returns the signature packet, as a license file holds it, from the output of gpg --detach-sign, with or without --armor.
// It does not check the signature.
func ParseDetached(data []byte) ([]byte, error) {
	text := bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || len(data) > maxDetached:
		return nil, license.Refuse(license.CodeSignatureEncoding, "%d bytes, at most %d", len(data), maxDetached)
	case data[0] >= 0x80:
		return data, nil
	case !bytes.HasPrefix(text, []byte("-----BEGIN PGP SIGNATURE-----")) || bytes.Count(text, []byte("-----BEGIN")) != 1:
		return nil, license.Refuse(license.CodeSignatureEncoding, "neither binary nor exactly one armored signature")
	}
	decoded, err := armor.Decode(bytes.NewReader(text))
	if err == nil {
		data, err = io.ReadAll(decoded.Body)
	}
	if err != nil || len(data) == 0 {
		return nil, license.Refuse(license.CodeSignatureEncoding, "the armor does not decode")
	}
	return data, nil
}
