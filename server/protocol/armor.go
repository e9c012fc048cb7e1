package protocol

import (
	"encoding/base64"
	"strings"
)

// armor returns the certificate in ASCII armor (RFC 9580, section 6.2), without the checksum that the RFC advises against.
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
