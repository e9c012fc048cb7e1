package license

import "encoding/base64"

// EncodeSignature returns a signature packet as one line of standard base64, without a line end.
func EncodeSignature(packet []byte) string {
	return base64.StdEncoding.EncodeToString(packet)
}

// DecodeSignature reads what EncodeSignature writes, and nothing else. Go's decoder skips line ends and, by default, stray bits;
// comparing with the encoding of the result leaves no second way to write a packet. Errors have the code signature_encoding.
func DecodeSignature(line string) ([]byte, error) {
	packet, err := base64.StdEncoding.DecodeString(line)
	switch {
	case err != nil:
		return nil, Refuse(CodeSignatureEncoding, "%v", err)
	case len(packet) == 0:
		return nil, Refuse(CodeSignatureEncoding, "the line is empty")
	case EncodeSignature(packet) != line:
		return nil, Refuse(CodeSignatureEncoding, "not the canonical base64 of its bytes")
	}
	return packet, nil
}
