package sim

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seeds  = flag.Int("seeds", 60, "how many years are lived through")
	first  = flag.Uint64("first", 1, "the first seed")
	enough = flag.Uint64("enough", 3, "after how many years with faults no more are begun")
	tell   = flag.Bool("tell", false, "tell everything that happens, in the year of -first alone")
)

// Thousands of years: `make sim`. A seed that fails is looked into with -first SEED -tell.
func TestYears(t *testing.T) {
	if *tell {
		report(t, Year(*first, func(format string, args ...any) { fmt.Printf(format+"\n", args...) }))
		return
	}
	var next, failed atomic.Uint64
	next.Store(*first)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for seed := next.Add(1) - 1; seed < *first+uint64(*seeds) && failed.Load() < *enough; seed = next.Add(1) - 1 {
				if w := Year(seed, nil); len(w.Faults) > 0 {
					failed.Add(1)
					report(t, w)
				}
			}
		}()
	}
	wait.Wait()
}

func report(t *testing.T, w *World) {
	for _, f := range w.Faults {
		t.Error(f)
	}
}
