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

// HashOf hashes exactly these bytes.
func HashOf(b []byte) Hash {
	sum := sha256.Sum256(b)
	return Hash(hex.EncodeToString(sum[:]))
}

// Valid tells whether h has the form of a hash.
func (h Hash) Valid() bool { return isHex(string(h), 64) }

// NextLink is the link of the lease that answers the request: H(previous link, hash of the request). It names what was asked, not the
// bytes of an answer, so a lease that is signed again keeps its link.
func NextLink(previous, request Hash) Hash {
	return HashOf([]byte("onelicense/link/1\n" + string(previous) + "\n" + string(request) + "\n"))
}

// ActivationID is the id of the activation that a device key makes: the hash of the key.
func ActivationID(device ed25519.PublicKey) Hash { return HashOf(device) }

// Position is how far a chain has come. Generation counts the chains of one activation, from 1; Number the leases of one chain,
// from 1.
type Position struct {
	Generation int64
	Number     int64
	Link       Hash
}

// Position of the lease.
func (l *Lease) Position() Position { return Position{l.Generation, l.Number, l.Link} }

// Before tells whether p lies before q on the numbered line of generations.
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
