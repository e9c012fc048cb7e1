package client

import (
	"crypto/sha256"
	"encoding/binary"
)

// drbg makes random bytes from what the host gives: each event's bytes are mixed into the pool, so that a copied machine
// goes its own way with the next event. Same events, same bytes.
type drbg struct {
	pool  [32]byte
	draws uint64
}

func (g *drbg) reseed(b []byte) {
	if len(b) > 0 {
		g.pool = sha256.Sum256(append(g.pool[:], b...))
		g.draws = 0
	}
}

// bytes gives n ≤ 32 bytes.
func (g *drbg) bytes(n int) []byte {
	g.draws++
	out := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("draw"), g.pool[:]...), g.draws))
	return out[:n]
}

// between gives a number from low to high − 1, to keep clients from coming all at once.
func (g *drbg) between(low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + int64(binary.BigEndian.Uint64(g.bytes(8))>>1)%(high-low)
}
