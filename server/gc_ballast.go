package server

import (
	"math"
	"runtime/debug"
)

// gcBallast is what the garbage collector counts as in use beside what is: it collects when the heap has doubled, and that of a server whose
// records are in the store is so small that it would every few hundred requests, which is a tenth of all work. Nobody touches it, so it takes
// no memory itself; what it lets grow is as much garbage again. Whoever sets a limit (GOMEMLIMIT) has said how much there may be.
func gcBallast() []byte {
	const size = 16 << 20
	if debug.SetMemoryLimit(-1) < math.MaxInt64 { // a negative one only asks
		return nil
	}
	return make([]byte, size)
}
