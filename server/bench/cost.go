package main

import (
	"runtime"
	"time"
)

// cost holds the processor time and the allocations of this process, server and load generator together; the row "loader alone"
// shows the generator's part.
type cost struct {
	cpu         time.Duration // 0 where the system does not tell
	allocations uint64
}

func currentCost() cost {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return cost{processorTime(), m.Mallocs}
}

func (c cost) plus(d cost) cost  { return cost{c.cpu + d.cpu, c.allocations + d.allocations} }
func (c cost) minus(d cost) cost { return cost{c.cpu - d.cpu, c.allocations - d.allocations} }
