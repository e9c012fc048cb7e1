package lease

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/onelicense/onelicense/license"
)

// NewFingerprintPart returns the part of a fingerprint for a value under a license. A program computes it from what it finds on its
// machine, a vendor from a value that the customer reports: both get the same.
func NewFingerprintPart(id license.ID, name, value string) FingerprintPart {
	m := hmac.New(sha256.New, []byte(id))
	m.Write([]byte("onelicense/part/" + name + "/" + value))
	return FingerprintPart{Name: name, Hash: hex.EncodeToString(m.Sum(nil))[:32]}
}
