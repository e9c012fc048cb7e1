package server

import (
	"math"
	"runtime/debug"
)

// newGCBallast returns memory that is never touched, so it occupies address space only, but counts for the garbage collector, which runs
// when the heap has doubled. The heap of a server whose records are in the store is so small that it would run every few hundred requests,
// a tenth of all work. It returns nil when a memory limit is set (GOMEMLIMIT): then the operator has decided how large the heap may be.
func newGCBallast() []byte {
	const size = 16 << 20
	if debug.SetMemoryLimit(-1) < math.MaxInt64 { // a negative limit only queries it
		return nil
	}
	return make([]byte, size)
}
