package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/onelicense/onelicense/license/lease"
)

// Durations in ms.
const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// begin is the time at which every world begins.
const begin = lease.Time(1_790_000_000_000)

// World holds one product's server, the machines of its customers, and the network between them.
type World struct {
	dice
	Seed    uint64
	now     lease.Time
	ahead   lease.Time // skew of the answering node's clock
	actions actionQueue
	order   int64 // order of actions at the same time
	Server  *Server
	Network *Network

	Machines []*Machine
	Faults   []string // broken invariants, in the order in which they were found
	Journal  func(format string, args ...any)
}

// NewWorld makes a world with a server and no machine.
func NewWorld(seed uint64, terms LicenseTerms) *World {
	w := &World{Seed: seed, dice: newDice(seed), now: begin, Journal: func(string, ...any) {}}
	w.Network = &Network{w: w, issued: map[string]bool{}}
	w.Server = newServer(w, terms)
	return w
}

// clock returns the time of the answering node. It is right except for the skew between nodes.
func (w *World) clock() time.Time { return (w.now + w.ahead).Std() }

// dice make all random decisions.
type dice struct{ random *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0x51b))} }

// chance is true n times in a hundred.
func (d dice) chance(n float64) bool { return d.random.Float64()*100 < n }

// between returns a number from low to high.
func (d dice) between(low, high int64) int64 { return low + d.random.Int64N(high-low+1) }

func (d dice) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.random.Uint32())
	}
	return b
}

func (w *World) fault(format string, args ...any) {
	text := fmt.Sprintf("seed %d, day %.2f: ", w.Seed, float64(w.now-begin)/float64(day)) + fmt.Sprintf(format, args...)
	w.Faults = append(w.Faults, text)
	w.Journal("FAULT %s", text)
}

func (w *World) note(format string, args ...any) {
	w.Journal("%8.3f  %s", float64(w.now-begin)/float64(hour), fmt.Sprintf(format, args...))
}

// scheduledAction is an action at a future time.
type scheduledAction struct {
	at    lease.Time
	order int64
	do    func()
}

type actionQueue []scheduledAction

func (a actionQueue) Len() int { return len(a) }
func (a actionQueue) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a actionQueue) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *actionQueue) Push(x any)   { *a = append(*a, x.(scheduledAction)) }
func (a *actionQueue) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// after schedules an action in so many ms.
func (w *World) after(ms int64, do func()) {
	w.order++
	heap.Push(&w.actions, scheduledAction{w.now + lease.Time(max(ms, 0)), w.order, do})
}

// Pass lets so many ms pass and runs the scheduled actions.
func (w *World) Pass(ms int64) {
	end := w.now + lease.Time(ms)
	for len(w.actions) > 0 && w.actions[0].at <= end {
		next := heap.Pop(&w.actions).(scheduledAction)
		w.now = next.at
		next.do()
	}
	w.now = end
}
