// Command bench loads the server's client protocol and reports throughput and percentiles, beside the bare loop: what any server that
// checks a signature, signs an answer and writes it durably could do on the same machine at best. README.md has the method and figures.
//
//	go run ./bench -clients 1,32 -seconds 3
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"
)

func main() {
	clients := flag.String("clients", "1,32", "how many clients at a time, a list")
	seconds := flag.Float64("seconds", 3, "how long each row is measured")
	pools := flag.String("pools", "100,10000,100000", "sizes of pools for the cost of one reserve, a list; empty: leave it out")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the whole run to this file")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	if err := run(numbers(*clients), numbers(*pools), time.Duration(*seconds*float64(time.Second))); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func numbers(list string) (ns []int) {
	for _, s := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "bench: %q is not a number from 1 up\n", s)
			os.Exit(2)
		}
		ns = append(ns, n)
	}
	return ns
}

func run(clients, pools []int, long time.Duration) error {
	w, err := open()
	if err != nil {
		return err
	}
	defer w.close()
	fmt.Printf("%-42s %8s %10s %9s %9s %9s %7s\n", "what", "clients", "per second", "p50 ms", "p95 ms", "p99 ms", "of bare")
	for _, n := range clients {
		if err := w.compare(n, long); err != nil {
			return err
		}
	}
	return w.flat(pools, clients[len(clients)-1], long)
}

// compare measures the two kinds of work beside the bare loop. A cycle is two exchanges, so it is held to half of it.
func (w *world) compare(clients int, long time.Duration) error {
	const size = 10_000
	if err := w.fill("pool", size); err != nil {
		return err
	}
	bare, err := w.prepare("bare loop", clients, w.bareURL, "", syncs)
	if err != nil {
		return err
	}
	sync, err := w.prepare("sync with usage", clients, w.url, "usage", syncs)
	if err != nil {
		return err
	}
	cycle, err := w.prepare(fmt.Sprintf("reserve + release, pool of %d", size), clients, w.url, "pool", cycles)
	if err != nil {
		return err
	}
	if err := measure(long, bare, sync, cycle); err != nil {
		return err
	}
	bare.print(1)
	sync.print(sync.rate() / bare.rate())
	cycle.print(cycle.rate() / (bare.rate() / 2))
	return nil
}

// flat measures what a cycle costs as the pool grows.
func (w *world) flat(pools []int, clients int, long time.Duration) error {
	var rows []*result
	for _, size := range pools {
		name := fmt.Sprintf("pool-%d", size)
		if err := w.fill(name, size); err != nil {
			return err
		}
		r, err := w.prepare(fmt.Sprintf("reserve + release, pool of %d", size), clients, w.url, name, cycles)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	if err := measure(long, rows...); err != nil {
		return err
	}
	for _, r := range rows {
		r.print(0)
	}
	return nil
}
