package protocol

import (
	"encoding/base64"
	"strings"
)

// armor writes a certificate as RFC 9580, section 6.2, has it, without the checksum that it advises against.
func armor(certificate []byte) string {
	const width = 64
	var b strings.Builder
	b.WriteString("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n")
	for text := base64.StdEncoding.EncodeToString(certificate); text != ""; {
		n := min(width, len(text))
		b.WriteString(text[:n])
		b.WriteByte('\n')
		text = text[n:]
	}
	b.WriteString("-----END PGP PUBLIC KEY BLOCK-----\n")
	return b.String()
}
