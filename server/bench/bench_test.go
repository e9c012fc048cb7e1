package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// No test asks how fast anything is.

func TestPercentiles(t *testing.T) {
	var hundred []time.Duration
	for n := range 100 {
		hundred = append(hundred, time.Duration(n+1))
	}
	for _, c := range []struct {
		of   []time.Duration
		part float64
		want time.Duration
	}{
		{hundred, .5, 50}, {hundred, .95, 95}, {hundred, .99, 99}, {hundred, 1, 100}, {hundred, 0, 1},
		{hundred[:1], .5, 1}, {hundred[:1], .99, 1}, {hundred[:2], .5, 1}, {hundred[:3], .5, 2}, {hundred[:10], .99, 10},
	} {
		if got := percentile(c.of, c.part); got != c.want {
			t.Errorf("percentile %g of %d values is %d, want %d", c.part, len(c.of), got, c.want)
		}
	}
}

// Errors are counted and are no operations; who meets nothing else ends the run and says why.
func TestErrorsAreCounted(t *testing.T) {
	var calls atomic.Int64
	m := &measurement{row: row{What: "flaky", Clients: 1}, tasks: []task{func() (int, error) {
		if calls.Add(1)%2 == 0 {
			return 0, errors.New("no")
		}
		return 1, nil
	}}}
	if err := measure(10*time.Millisecond, m); err != nil {
		t.Fatal(err)
	}
	r := m.result()
	if r.Errors == 0 || r.Operations+r.Errors != int(calls.Load()) || r.Denied != r.Operations || r.PerSecond <= 0 || r.P50 > r.P99 ||
		r.P99 > r.Max {
		t.Errorf("%+v of %d calls", r, calls.Load())
	}
	broken := &measurement{row: row{What: "broken", Clients: 1}, tasks: []task{func() (int, error) { return 0, errors.New("it is gone") }}}
	if err := measure(time.Hour, broken); err == nil || !strings.Contains(err.Error(), "broken: it is gone") {
		t.Errorf("a broken server was measured: %v", err)
	}
	if r := broken.result(); r.Errors != maxErrors || r.Operations != 0 {
		t.Errorf("%+v", r)
	}
}

// The whole matrix in small, against a whole server: every row is done, nothing fails, leases are right. proves N12
func TestMatrix(t *testing.T) {
	r := &report{}
	if err := r.measure(settings{clients: []int{1, 3}, pools: []int{4}, stores: []string{embedded},
		long: rounds * 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 14 {
		t.Errorf("%d rows", len(r.Rows))
	}
	for _, row := range r.Rows {
		if row.Operations < row.Clients || row.Errors != 0 {
			t.Errorf("%+v", row)
		}
	}
	if _, ok := r.find(embedded, cycling, 4, 3); !ok {
		t.Errorf("a row is missing: %+v", r.Rows)
	}
}

// sample is a report with the given rate and percentile of everything.
func sample(perSecond, p99 float64) *report {
	r := &report{Machine: machine{2, "A <fast> one", "linux/amd64", "go1", "abc", "2030-01-02", 12}, Calibration: calibration{20000, 7000},
		Seconds: 2,
		Stores:  []storeKind{embeddedStore, mongoStore()}}
	for _, s := range r.Stores {
		for _, clients := range []int{1, 32, 256} {
			add := func(what string, pool int, per float64) {
				r.Rows = append(r.Rows, row{Store: s.Name, What: what, Pool: pool, Clients: clients, Operations: 100, PerSecond: per, P50: p99 / 10,
					P95: p99 / 2, P99: p99,
					Max: 2 * p99, CPU: 120, Allocations: 300, Share: .8})
			}
			add(loaderAlone, 0, 20000)
			add(bareLoop, 0, 2*perSecond)
			add(syncing, 0, perSecond)
			for n, size := range []int{100, 10_000, 100_000} {
				add(cycling, size, perSecond/2+float64(10*n))
			}
			add(activating, 0, perSecond)
		}
	}
	return r
}

func TestBudgets(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *report
		want int // kept
	}{
		{"fast", sample(4000, 20), 4},
		{"slow", sample(2000, 20), 2},
		{"late", sample(4000, 120), 2},
	} {
		if text := c.r.budgetTable(); strings.Count(text, "| yes |") != c.want || strings.Count(text, "| **no** |") != 4-c.want {
			t.Errorf("%s: %s", c.name, text)
		}
	}
	steep := sample(4000, 20)
	for n := range steep.Rows {
		if steep.Rows[n].Pool == 100_000 {
			steep.Rows[n].PerSecond /= 2
		}
	}
	if text := steep.budgetTable(); strings.Count(text, "+98 %") != 2 || strings.Count(text, "| **no** |") != 2 {
		t.Error(text)
	}
}

// What is written can be read: tables with as many cells in each row, and plots that are XML and say in words what they show.
func TestReportIsWritten(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "results")
	r := sample(4000, 20)
	if err := r.write(directory); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(directory, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Count(line, "|"); strings.HasPrefix(line, "|") && cells != 6 && cells != 13 {
			t.Errorf("%d cells: %s", cells, line)
		}
	}
	for _, want := range []string{"| sync with usage | 32 | 4 000 | 2 | 10 | 20 | 40 | 120 | 300 | 0 |  | 80 % |", "20 000 Ed25519",
		"synchronous FULL", "commit abc", "busy with other work (load 12", "(pools.svg)", "0 errors | 16 667/s | yes |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing", want)
		}
	}
	for name := range plots {
		svg, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			t.Fatal(err)
		}
		if n := elements(t, name, svg); n < 30 {
			t.Errorf("%s has %d elements", name, n)
		}
		for _, want := range []string{"sync with usage on mongodb", "prefers-color-scheme: dark", "role=\"img\""} {
			if !strings.Contains(string(svg), want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
			t.Errorf("%s has a place that is nowhere", name)
		}
	}
}

// A later run of a part keeps the rest.
func TestEarlierRowsAreKept(t *testing.T) {
	directory := t.TempDir()
	if err := sample(4000, 20).write(directory); err != nil {
		t.Fatal(err)
	}
	later := &report{Stores: []storeKind{mongoStore()}, Rows: []row{{Store: mongodb, What: syncing, Clients: 32, PerSecond: 7}}}
	if err := later.add(directory); err != nil {
		t.Fatal(err)
	}
	if got, _ := later.find(mongodb, syncing, 0, 32); len(later.Rows) != 42 || len(later.Stores) != 2 || later.Stores[0].Name != embedded ||
		got.PerSecond != 7 {
		t.Errorf("%d rows, %d stores, %+v", len(later.Rows), len(later.Stores), got)
	}
	if err := later.add(t.TempDir()); err == nil {
		t.Error("nothing was added, and nobody was told")
	}
}

// A run of a single row has plots too.
func TestPlotsOfLittle(t *testing.T) {
	few := &report{Stores: []storeKind{embeddedStore},
		Rows: []row{{Store: embedded, What: syncing, Clients: 4, Operations: 1, PerSecond: 1, P50: 1, P99: 1, Max: 1}}}
	for _, r := range []*report{few, {}} {
		for name, p := range plots {
			svg := p.draw(r)
			elements(t, name, []byte(svg))
			if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("%s has a place that is nowhere: %s", name, svg)
			}
		}
	}
}

// elements counts those of an XML document, which must be well-formed.
func elements(t *testing.T, name string, document []byte) (n int) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(document)))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, ok := token.(xml.StartElement); ok {
			n++
		}
	}
}

func TestNumbers(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 999: "999", 1000: "1 000", 1234567: "1 234 567"} {
		if got := thousands(x); got != want {
			t.Errorf("%g is written %q", x, got)
		}
	}
	for x, want := range map[float64]string{0: "0", .0123: "0.012", .5: "0.5", 1.26: "1.3", 2: "2", 12.4: "12", 1250: "1 250"} {
		if got := significant(x); got != want {
			t.Errorf("%g is written %q", x, got)
		}
	}
	if got := uriWithDatabase("mongodb://u:p@a,b/other?w=1", "bench"); got != "mongodb://u:p@a,b/bench?w=1" {
		t.Error(got)
	}
}
