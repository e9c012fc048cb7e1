// Command bench loads a whole server and reports throughput, percentiles and cost of an operation, beside the bare loop: what any server
// that checks a signature, signs an answer and writes it durably could do on the same machine at best. README.md has the method, results/
// the figures.
//
//	go run ./server/bench
//	go run ./server/bench -clients 32 -seconds 10 -pools 10000 -out ""
//
// The embedded store is always measured, MongoDB when $TEST_MONGODB_URI names one (scripts/with-mongo starts a stand-in).
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
	clients := flag.String("clients", "1,32,256", "how many clients at a time, a list")
	pools := flag.String("pools", "100,10000,100000", "sizes of the pools of seats, a list")
	stores := flag.String("stores", "", "embedded, mongodb or both, a list; empty: what there is")
	seconds := flag.Float64("seconds", 2, "how long each row is measured")
	out := flag.String("out", "server/bench/results", "directory for the report and its plots; empty: print only")
	add := flag.Bool("add", false, "keep the rows that an earlier run has written there and this one does not measure")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the whole run to this file")
	flag.Parse()
	o := settings{clients: parseNumbers(*clients), pools: parseNumbers(*pools), long: time.Duration(*seconds * float64(time.Second)),
		mongo: os.Getenv("TEST_MONGODB_URI")}
	o.stores = strings.FieldsFunc(*stores, isSeparator)
	if len(o.stores) == 0 {
		if o.stores = []string{embedded}; o.mongo != "" {
			o.stores = append(o.stores, mongodb)
		}
	}
	if err := withCPUProfile(*profile, func() error { return run(o, *out, *add) }); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are the command line's choices.
type settings struct {
	clients, pools []int
	stores         []string
	long           time.Duration
	mongo          string // URI
}

func run(o settings, out string, add bool) error {
	r := &report{Machine: thisMachine(), Calibration: calibrate(), Seconds: o.long.Seconds()}
	fmt.Print(r.head())
	if err := r.measure(o); err != nil {
		return err
	}
	fmt.Print(r.budgetTable())
	if out == "" {
		return nil
	}
	if add {
		if err := r.add(out); err != nil {
			return err
		}
	}
	return r.write(out)
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' }

func parseNumbers(list string) (ns []int) {
	for _, s := range strings.FieldsFunc(list, isSeparator) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "bench: %q is not a number from 1 up\n", s)
			os.Exit(2)
		}
		ns = append(ns, n)
	}
	return ns
}

// withCPUProfile calls f while a CPU profile is taken, if a file is named.
func withCPUProfile(file string, f func() error) error {
	if file == "" {
		return f()
	}
	w, err := os.Create(file)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := pprof.StartCPUProfile(w); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}
