package main

import (
	"fmt"
	"strings"
)

// The budgets are for the embedded store and 32 clients, on a machine of two processors with the loader beside the server. Nothing fails
// when one is missed: figures of a machine that does other work besides are no verdict on the server.
const (
	budgetClients = 32
	budgetPool    = 10_000
	flatness      = .2 // by how much a cycle may cost more or less in a pool of another size
)

var budgets = []struct {
	what      string
	pool      int
	share     float64 // of the bare loop
	perSecond float64
	p99       float64 // ms
}{
	{syncing, 0, .6, 3000, 50},
	{cycling, budgetPool, .6, 1500, 100},
}

// budgetTable is a table of the budgets, and of what a cycle costs as the pool grows.
func (r *report) budgetTable() string {
	var b strings.Builder
	b.WriteString("\n## Budgets\n\n| what | budget | measured | the processors allow | kept |\n|---|---|---|---|---|\n")
	for _, want := range budgets {
		got, ok := r.find(embedded, want.what, want.pool, budgetClients)
		if !ok {
			continue
		}
		kept := got.Share >= want.share && got.PerSecond >= want.perSecond && got.P99 < want.p99 && got.Errors == 0
		fmt.Fprintf(&b, "| %s, %d clients | ≥ %s of the bare loop, ≥ %s/s, p99 < %s ms, no error | %s, %s/s, %s ms, %d errors | %s | %s |\n",
			got.title(), got.Clients,
			percent(want.share), thousands(want.perSecond), significant(want.p99), percent(got.Share), thousands(got.PerSecond),
			significant(got.P99), got.Errors, r.cpuBoundRate(got), formatKept(kept))
	}
	for _, s := range r.Stores {
		if low, high, ok := r.cycleTimeRange(s.Name); ok {
			fmt.Fprintf(&b, "| a cycle as the pool grows, %s, %d clients | within %s | %+.0f to %+.0f %% | | %s |\n", s.Name, budgetClients,
				percent(flatness),
				100*low, 100*high, formatKept(low >= -flatness && high <= flatness))
		}
	}
	return b.String()
}

// cpuBoundRate returns the rate that all processors of the machine could reach at the row's cost if they did nothing else and
// never waited. On a busy machine it says more than the measured rate.
func (r *report) cpuBoundRate(row row) string {
	if row.CPU == 0 {
		return ""
	}
	return thousands(float64(r.Machine.Processors)*1e6/row.CPU) + "/s"
}

// cycleTimeRange is by how much a cycle takes less and more time at the pools' sizes than at the smallest.
func (r *report) cycleTimeRange(store string) (low, high float64, ok bool) {
	rows := r.cycleRows(store, budgetClients)
	for _, row := range rows[min(1, len(rows)):] {
		more := rows[0].PerSecond/row.PerSecond - 1
		low, high, ok = min(low, more), max(high, more), true
	}
	return low, high, ok
}

// cycleRows is the rows of a store with one number of clients, from the smallest pool to the largest.
func (r *report) cycleRows(store string, clients int) (rows []row) {
	for _, row := range r.Rows {
		if row.Store == store && row.What == cycling && row.Clients == clients {
			rows = append(rows, row)
		}
	}
	return rows
}

func formatKept(kept bool) string {
	if kept {
		return "yes"
	}
	return "**no**"
}
