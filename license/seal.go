package license

import "time"

// Seal returns a license file: the text of the claims and its signature, each line with LF.
func Seal(c Claims, s Signer, now time.Time) ([]byte, error) {
	text, err := c.Text()
	if err != nil {
		return nil, err
	}
	packet, err := s.Sign(UseFile, text, now)
	if err != nil {
		return nil, err
	}
	return append(append(text, EncodeSignature(packet)...), '\n'), nil
}
