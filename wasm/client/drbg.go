package client

import (
	"crypto/sha256"
	"encoding/binary"
)

// drbg is a deterministic random bit generator, seeded by the host: the bytes of each event are mixed into its pool, so that a copied
// machine diverges with the next event. The same events give the same bytes.
type drbg struct {
	pool  [32]byte
	draws uint64
}

// reseed mixes bytes from the host into the pool.
func (g *drbg) reseed(b []byte) {
	if len(b) > 0 {
		g.pool = sha256.Sum256(append(g.pool[:], b...))
		g.draws = 0
	}
}

// bytes returns n bytes, at most 32.
func (g *drbg) bytes(n int) []byte {
	g.draws++
	out := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("draw"), g.pool[:]...), g.draws))
	return out[:n]
}

// between returns a number from low to high − 1. It spreads the syncs of many clients over time.
func (g *drbg) between(low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + int64(binary.BigEndian.Uint64(g.bytes(8))>>1)%(high-low)
}
