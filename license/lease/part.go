package lease

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/onelicense/onelicense/license"
)

// PartOf makes the part of a fingerprint that a value has under a license. The program makes it of what it finds on its machine, a vendor
// of a value that the customer has told: both get the same.
func PartOf(id license.ID, name, value string) Part {
	m := hmac.New(sha256.New, []byte(id))
	m.Write([]byte("onelicense/part/" + name + "/" + value))
	return Part{Name: name, Hash: hex.EncodeToString(m.Sum(nil))[:32]}
}
