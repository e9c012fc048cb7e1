package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// task does one operation and tells how many requests for a seat were denied in it. Each is one client's: it is not called twice at a time.
type task func() (denied int, err error)

// measurement collects the figures of one row.
type measurement struct {
	row
	tasks   []task
	took    []time.Duration
	elapsed time.Duration
	cost    cost
}

// rounds is the number of parts in which the rows are measured in turn, so that other work on the machine affects all of them alike.
const rounds = 6

// measure gives each row its time, turn by turn.
func measure(long time.Duration, rows ...*measurement) error {
	for range rounds {
		for _, m := range rows {
			if err := m.run(long / rounds); err != nil {
				return fmt.Errorf("%s: %w", m.title(), err)
			}
		}
	}
	return nil
}

// maxErrors is the number of errors in a row after which a run fails.
const maxErrors = 10

// run lets the clients do their thing again and again, each waiting for its answer. Only what succeeded counts as done.
func (m *measurement) run(long time.Duration) error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	before, begin := currentCost(), time.Now()
	for _, do := range m.tasks {
		wait.Go(func() {
			var took []time.Duration
			var errors, denied, inRow int
			var err error
			for inRow < maxErrors && time.Since(begin) < long {
				t := time.Now()
				n, e := do()
				if denied += n; e != nil {
					err = e
					errors++
					inRow++
					continue
				}
				took = append(took, time.Since(t))
				inRow = 0
			}
			mu.Lock()
			defer mu.Unlock()
			m.took = append(m.took, took...)
			m.Errors += errors
			m.Denied += denied
			if inRow == maxErrors {
				failed = append(failed, err)
			}
		})
	}
	wait.Wait()
	m.elapsed += time.Since(begin)
	m.cost = m.cost.plus(currentCost().minus(before))
	return errors.Join(failed...)
}

// result computes the row.
func (m *measurement) result() row {
	r, n := m.row, float64(len(m.took))
	r.Operations = len(m.took)
	if r.Operations == 0 {
		return r
	}
	slices.Sort(m.took)
	r.PerSecond = n / m.elapsed.Seconds()
	r.P50, r.P95, r.P99 = milliseconds(percentile(m.took, .5)), milliseconds(percentile(m.took, .95)), milliseconds(percentile(m.took, .99))
	r.Max = milliseconds(m.took[len(m.took)-1])
	r.CPU = m.cost.cpu.Seconds() * 1e6 / n
	r.Allocations = float64(m.cost.allocations) / n
	return r
}

// percentile of what is sorted: the smallest that at least so large a part of all are not above.
func percentile(sorted []time.Duration, part float64) time.Duration {
	return sorted[max(0, min(len(sorted), ceil(part*float64(len(sorted))))-1)]
}

func ceil(x float64) int {
	n := int(x)
	if float64(n) < x {
		n++
	}
	return n
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
