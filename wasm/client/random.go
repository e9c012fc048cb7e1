package client

import (
	"crypto/sha256"
	"encoding/binary"
)

// generator makes random bytes from what the host gives: each event's bytes are mixed into the pool, so that a copied machine
// goes its own way with the next event. Same events, same bytes.
type generator struct {
	pool  [32]byte
	drawn uint64
}

func (g *generator) mix(b []byte) {
	if len(b) > 0 {
		g.pool = sha256.Sum256(append(g.pool[:], b...))
		g.drawn = 0
	}
}

// bytes gives n ≤ 32 bytes.
func (g *generator) bytes(n int) []byte {
	g.drawn++
	out := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("draw"), g.pool[:]...), g.drawn))
	return out[:n]
}

// spread gives a number from low to high − 1, to keep clients from coming all at once.
func (g *generator) spread(low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + int64(binary.BigEndian.Uint64(g.bytes(8))>>1)%(high-low)
}
