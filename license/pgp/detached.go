package pgp

import (
	"bytes"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/onelicense/onelicense/license"
)

// maxDetached is more than the largest RSA key needs.
const maxDetached = 8192

// ParseDetached is the packet of a detached signature as it stands in a license file, from what gpg --detach-sign wrote with or without --armor.
// Whether the signature is good is for Verify to say.
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
