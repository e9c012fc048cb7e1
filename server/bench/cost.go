package main

import (
	"runtime"
	"time"
)

// cost is what this process has used: the server's share and the loader's, which the row "loader alone" tells apart.
type cost struct {
	cpu         time.Duration // 0 where the system does not tell
	allocations uint64
}

func spent() cost {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return cost{processorTime(), m.Mallocs}
}

func (c cost) plus(d cost) cost  { return cost{c.cpu + d.cpu, c.allocations + d.allocations} }
func (c cost) minus(d cost) cost { return cost{c.cpu - d.cpu, c.allocations - d.allocations} }
