package lease

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/onelicense/onelicense/license"
)

// NewFingerprintPart makes the part of a fingerprint that a value has under a license. The program makes it of what it finds on its machine, a vendor
// of a value that the customer has told: both get the same.
func NewFingerprintPart(id license.ID, name, value string) FingerprintPart {
	m := hmac.New(sha256.New, []byte(id))
	m.Write([]byte("onelicense/part/" + name + "/" + value))
	return FingerprintPart{Name: name, Hash: hex.EncodeToString(m.Sum(nil))[:32]}
}
