package main

import (
	"fmt"
	"slices"
	"strings"
)

// plots by the name of their file.
var plots = map[string]struct {
	title string
	draw  func(*report) string
}{
	"throughput.svg": {"Operations per second", throughput},
	"latency.svg":    {"Latency, from the median to the 99th percentile", latency},
	"pools.svg":      {"What a cycle costs as the pool grows", poolGrowth},
}

// plotNames is the order in which they are shown.
var plotNames = []string{"throughput.svg", "latency.svg", "pools.svg"}

const (
	width  = 900
	left   = 250 // where the labels of rows end
	right  = width - 40
	top    = 56
	rowGap = 30
)

// workKinds are the kinds of work that were measured, in the order of the matrix.
func (r *report) workKinds() (all []row) {
	for _, row := range r.Rows {
		if isPlotted(row) && !slices.ContainsFunc(all, sameTitle(row)) {
			all = append(all, row)
		}
	}
	return all
}

// isPlotted tells whether a plot has the row: the bare loop is the same for every store, and shown once.
func isPlotted(r row) bool {
	return r.Operations > 0 && r.What != loaderAlone && (r.What != bareLoop || r.Store == embedded)
}

func sameTitle(as row) func(row) bool { return func(r row) bool { return r.title() == as.title() } }

// budgetClients is the number that budgets are for, if it was measured.
func (r *report) budgetClients() int {
	all := r.clientCounts()
	if slices.Contains(all, budgetClients) || len(all) == 0 {
		return budgetClients
	}
	return all[len(all)-1]
}

// clientCounts are the numbers of clients that were measured.
func (r *report) clientCounts() (all []int) {
	for _, row := range r.Rows {
		if !slices.Contains(all, row.Clients) {
			all = append(all, row.Clients)
		}
	}
	return all
}

func (r *report) storeNames() (all []string) {
	for _, s := range r.Stores {
		all = append(all, s.Name)
	}
	return all
}

// throughput has a row for each kind of work and a mark for each store.
func throughput(r *report) string {
	kinds, clients := r.workKinds(), r.budgetClients()
	var values []float64
	for _, row := range r.Rows {
		if row.Clients == clients && isPlotted(row) {
			values = append(values, row.PerSecond)
		}
	}
	bottom := float64(top + rowGap*len(kinds))
	s := logScale(values, left+20, right)
	d := draw(fmt.Sprintf("Operations per second, %d clients", clients),
		r.describe(clients, func(row row) string { return thousands(row.PerSecond) + " a second" }),
		width, int(bottom)+64)
	d.axis(s, bottom, "")
	for n, kind := range kinds {
		y := float64(top + rowGap*n + rowGap/2)
		d.text("", left, y+4, "end", kind.title())
		for _, b := range budgets {
			if b.what == kind.What && b.pool == kind.Pool && clients == budgetClients {
				d.line("budget", s.at(b.perSecond), y-10, s.at(b.perSecond), y+10)
			}
		}
		for i, store := range r.storeNames() {
			if row, ok := r.find(store, kind.What, kind.Pool, clients); ok && isPlotted(row) {
				says := fmt.Sprintf("%s on %s: %s/s", row.title(), store, thousands(row.PerSecond))
				d.text("value", s.at(row.PerSecond)+10, y+4, "start", thousands(row.PerSecond))
				d.mark(i, s.at(row.PerSecond), y, says)
			}
		}
	}
	d.text("small", left+20, bottom+44, "start", "upright: the budget of the embedded store; a cycle of reserve and release is two exchanges")
	d.legend(r.storeNames()...)
	return d.end()
}

// latency has a panel for each store, a row for each kind of work, and a stroke for each number of clients.
func latency(r *report) string {
	kinds, counts := r.workKinds(), r.clientCounts()
	const gap, head = 46, 34
	var values []float64
	for _, row := range r.Rows {
		if isPlotted(row) {
			values = append(values, row.P50, row.P99)
		}
	}
	s := logScale(values, left+20, right)
	panel := head + gap*len(kinds) + 30
	d := draw("Latency: from the median (mark) to the 99th percentile",
		r.describe(r.budgetClients(), func(row row) string {
			return fmt.Sprintf("median %s ms, 99th percentile %s ms", significant(row.P50), significant(row.P99))
		}), width, top+panel*len(r.Stores)+14)
	for p, store := range r.storeNames() {
		y0 := float64(top + panel*p)
		d.text("small", left, y0+18, "end", store)
		bottom := y0 + head + gap*float64(len(kinds))
		d.axisFrom(s, y0+head, bottom, " ms")
		for n, kind := range kinds {
			middle := y0 + head + gap*(float64(n)+.5)
			d.text("", left, middle+4, "end", kind.title())
			for i, clients := range counts {
				row, ok := r.find(store, kind.What, kind.Pool, clients)
				if !ok || !isPlotted(row) {
					continue
				}
				y := middle + 12*(float64(i)-float64(len(counts)-1)/2)
				class := series[i%len(series)]
				d.line(class+" line", s.at(row.P50), y, s.at(row.P99), y)
				d.line(class+" line", s.at(row.P99), y-4, s.at(row.P99), y+4)
				d.mark(i, s.at(row.P50), y, fmt.Sprintf("%s, %d clients: median %s ms, p99 %s ms", row.title(), clients, significant(row.P50),
					significant(row.P99)))
			}
		}
	}
	var names []string
	for _, n := range counts {
		names = append(names, fmt.Sprintf("%d clients", n))
	}
	d.legend(names...)
	return d.end()
}

// poolGrowth has a line for each store: the time of a cycle as a multiple of that in the smallest pool.
func poolGrowth(r *report) string {
	const bottom, high, most = top + 250., 250., 2.
	clients := r.budgetClients()
	var sizes []float64
	for _, row := range r.Rows {
		if row.Pool > 0 {
			sizes = append(sizes, float64(row.Pool))
		}
	}
	x := scale{slices.Min(append(sizes, 100)), slices.Max(append(sizes, 1000)), 110, right - 60}
	y := func(times float64) float64 { return bottom - high*min(times, most)/most }
	d := draw(fmt.Sprintf("Time of a cycle as the pool grows, %d clients (1 = in the smallest pool)", clients),
		r.describe(clients, func(row row) string { return thousands(row.PerSecond) + " a second" }), width, bottom+60)
	d.rect("band", x.from-20, y(1+flatness), x.to-x.from+40, y(1-flatness)-y(1+flatness))
	for times := 0.; times <= most; times += .5 {
		d.line("grid", x.from-20, y(times), x.to+20, y(times))
		d.text("small", x.from-30, y(times)+4, "end", significant(times))
	}
	for i, store := range r.storeNames() {
		rows := r.cycleRows(store, clients)
		var path strings.Builder
		for n, row := range rows {
			px, py := x.at(float64(row.Pool)), y(rows[0].PerSecond/row.PerSecond)
			fmt.Fprintf(&path, "%s%s %s", []string{"M", "L"}[min(n, 1)], formatCoordinate(px), formatCoordinate(py))
		}
		if path.Len() > 0 {
			d.put(`  <path class="%s line" d="%s"/>`, series[i%len(series)], path.String())
		}
		for _, row := range rows {
			times := rows[0].PerSecond / row.PerSecond
			d.mark(i, x.at(float64(row.Pool)), y(times), fmt.Sprintf("%s on %s: %.2f", row.title(), store, times))
		}
	}
	for _, size := range slices.Compact(slices.Sorted(slices.Values(sizes))) {
		d.text("small", x.at(size), bottom+20, "middle", thousands(size)+" seats")
	}
	d.text("small", x.from-20, bottom+44, "start", "shaded: within "+percent(flatness))
	d.legend(r.storeNames()...)
	return d.end()
}

// axis draws ticks and their lines from the top of the drawing to the bottom of the rows.
func (d *drawing) axis(s scale, bottom float64, unit string) { d.axisFrom(s, top, bottom, unit) }

func (d *drawing) axisFrom(s scale, from, bottom float64, unit string) {
	for _, v := range s.ticks() {
		d.line("grid", s.at(v), from, s.at(v), bottom)
		d.text("small", s.at(v), bottom+18, "middle", significant(v)+unit)
	}
}

// describe is a drawing in words, for those who do not see it.
func (r *report) describe(clients int, value func(row) string) string {
	var all []string
	for _, row := range r.Rows {
		if row.Clients == clients && isPlotted(row) {
			all = append(all, fmt.Sprintf("%s on %s: %s", row.title(), row.Store, value(row)))
		}
	}
	return strings.Join(all, "; ") + "."
}
