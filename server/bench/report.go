package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// report is all that a run found. It is written as it is, for other tools, and as tables and plots.
type report struct {
	Machine     machine
	Calibration calibration
	Seconds     float64 // for each row
	Stores      []storeKind
	Rows        []row
}

// storeKind is the store of the measured server, and the durability of an answer on it.
type storeKind struct {
	Name       string
	Durability string
	StandIn    bool // not the real one, which is said in its durability
}

var embeddedStore = storeKind{embedded, "SQLite, WAL, synchronous FULL: an answer is given after its group commit is on the disk", false}

// mongoStore is the server that the environment names. Whoever starts the stand-in says so there.
func mongoStore() storeKind {
	s := storeKind{mongodb, "write concern majority with journal, read concern majority, from the primary",
		os.Getenv("TEST_MONGODB_STAND_IN") != ""}
	if s.StandIn {
		s.Durability += fmt.Sprintf(
			", asked of a stand-in that keeps everything in memory and searches without most indexes. It shows what server and "+
				"protocol cost, not what a disk, a replica or MongoDB itself does; "+
				"pools of more than %s seats are left out, since they take it minutes to fill",
			thousands(standInPool))
	}
	return s
}

// standInPool is the largest pool that the stand-in is given.
const standInPool = 10_000

// pools are the sizes that are measured on it.
func (s storeKind) pools(all []int) []int {
	if !s.StandIn {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(size int) bool { return size > standInPool })
}

// row is one kind of work by so many clients.
type row struct {
	Store, What        string
	Pool               int `json:",omitempty"` // seats
	Clients            int
	Operations         int
	Errors             int
	Denied             int // wants of a seat when all were taken, which is a right answer
	PerSecond          float64
	P50, P95, P99, Max float64 // ms
	CPU                float64 // µs of this process for one operation, loader and server; 0: unknown
	Allocations        float64 // of this process for one operation
	Share              float64 `json:",omitempty"` // of the bare loop
}

func (r row) title() string {
	if r.Pool == 0 {
		return r.What
	}
	return fmt.Sprintf("%s, %s seats", r.What, thousands(float64(r.Pool)))
}

// find is the row of a store.
func (r *report) find(store, what string, pool, clients int) (row, bool) {
	for _, row := range r.Rows {
		if row.Store == store && row.What == what && row.Pool == pool && row.Clients == clients {
			return row, true
		}
	}
	return row{}, false
}

// head says where it was measured.
func (r *report) head() string {
	m := r.Machine
	model := m.Model
	if model == "" {
		model = "unknown model"
	}
	text := fmt.Sprintf("%d processors (%s), %s, %s, commit %s, %s.\n"+
		"On one of them %s Ed25519 verifications a second; %s flushes of 4 KiB to the disk a second.\n",
		m.Processors, model, m.System, m.Go, m.Commit, m.Date, thousands(r.Calibration.Verifies), thousands(r.Calibration.Flushes))
	if m.isBusy() {
		text += fmt.Sprintf("The machine was busy with other work (load %s before the run): "+
			"read shares, CPU and allocations, not rates and times.\n", significant(m.Load))
	}
	return text
}

var tableHead = fmt.Sprintf("%-36s %7s %11s %7s %7s %7s %7s %8s %7s %7s %7s %8s\n", "what", "clients", "per second", "p50 ms", "p95", "p99",
	"max", "CPU µs", "allocs",
	"errors", "denied", "of bare")

func (r row) line() string {
	return fmt.Sprintf("%-36s %7d %11s %7s %7s %7s %7s %8.0f %7.0f %7d %7s %8s\n", r.title(), r.Clients, thousands(r.PerSecond),
		significant(r.P50), significant(r.P95), significant(r.P99), significant(r.Max), r.CPU, r.Allocations, r.Errors, percent(r.deniedPart()),
		percent(r.Share))
}

func (r row) deniedPart() float64 {
	if r.Operations == 0 {
		return 0
	}
	return float64(r.Denied) / float64(r.Operations)
}

// markdown is the report for people.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Figures\n\nWritten by `make bench` (../README.md has the method). %s\n",
		strings.ReplaceAll(strings.TrimSpace(r.head()), "\n", " "))
	fmt.Fprintf(&b, "Each row was measured for %s s in %d turns with the others of its block.\n", significant(r.Seconds), rounds)
	b.WriteString("\nTimes are in milliseconds. CPU (µs) and allocations are those of the whole process for one operation; the row " +
		"`loader alone` is the\n" +
		"loader's part of them. A cycle of reserve and release is two exchanges, and is held to half of the bare loop.\n\n")
	for _, name := range plotNames {
		fmt.Fprintf(&b, "![%s](%s)\n\n", plots[name].title, name)
	}
	b.WriteString(r.budgetTable())
	for _, s := range r.Stores {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n"+
			"| what | clients | per second | p50 | p95 | p99 | max | CPU µs | allocs | errors | denied | of the bare loop |\n|%s\n",
			s.Name, sentence(s.Durability), strings.Repeat("---|", 12))
		for _, row := range r.Rows {
			if row.Store == s.Name {
				fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s | %s | %.0f | %.0f | %d | %s | %s |\n", row.title(), row.Clients,
					thousands(row.PerSecond),
					significant(row.P50), significant(row.P95), significant(row.P99), significant(row.Max), row.CPU, row.Allocations, row.Errors,
					percent(row.deniedPart()), percent(row.Share))
			}
		}
	}
	return b.String()
}

// write puts the report into a directory, which is made if there is none.
func (r *report) write(directory string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	files := map[string]string{"README.md": r.markdown(), "results.json": string(data) + "\n"}
	for name, p := range plots {
		files[name] = p.draw(r)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// add takes over what an earlier run has found that this one has not looked at. Machine and calibration are then this run's.
func (r *report) add(directory string) error {
	data, err := os.ReadFile(filepath.Join(directory, "results.json"))
	if err != nil {
		return err
	}
	var earlier report
	if err := json.Unmarshal(data, &earlier); err != nil {
		return err
	}
	for _, s := range earlier.Stores {
		if !slices.ContainsFunc(r.Stores, func(own storeKind) bool { return own.Name == s.Name }) {
			r.Stores = append(r.Stores, s)
		}
	}
	for _, row := range earlier.Rows {
		if _, measured := r.find(row.Store, row.What, row.Pool, row.Clients); !measured {
			r.Rows = append(r.Rows, row)
		}
	}
	slices.SortFunc(r.Stores, func(a, b storeKind) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(r.Rows, func(a, b row) int { return cmp.Or(strings.Compare(a.Store, b.Store), a.Clients-b.Clients) })
	return nil
}
