package lease

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
)

// Hash is a SHA-256 as 64 lower-case hex digits.
type Hash string

// OriginLink is the link before the first lease of a chain.
const OriginLink Hash = "0000000000000000000000000000000000000000000000000000000000000000"

// HashOf returns the hash of exactly these bytes.
func HashOf(b []byte) Hash {
	sum := sha256.Sum256(b)
	return Hash(hex.EncodeToString(sum[:]))
}

// Valid reports whether h has the form of a hash.
func (h Hash) Valid() bool { return isHex(string(h), 64) }

// NextLink returns the link of the lease that answers the request: H(previous link, hash of the request). It depends on the request, not
// on the bytes of an answer, so a lease that is signed again keeps its link.
func NextLink(previous, request Hash) Hash {
	return HashOf([]byte("onelicense/link/1\n" + string(previous) + "\n" + string(request) + "\n"))
}

// ActivationID returns the id of the activation of a device key: the hash of the key.
func ActivationID(device ed25519.PublicKey) Hash { return HashOf(device) }

// Position is a place in an activation's history. Generation counts its chains from 1, Number the leases of one chain from 1.
type Position struct {
	Generation int64
	Number     int64
	Link       Hash
}

// Position returns the lease's position.
func (l *Lease) Position() Position { return Position{l.Generation, l.Number, l.Link} }

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool {
	return p.Generation < q.Generation || p.Generation == q.Generation && p.Number < q.Number
}

func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
