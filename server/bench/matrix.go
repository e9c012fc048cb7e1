package main

import "fmt"

// measure goes through the matrix: for each store and number of clients one block, whose rows take turns.
func (r *report) measure(o settings) error {
	floor, err := startBaselineServers()
	if err != nil {
		return err
	}
	defer floor.close()
	for _, name := range o.stores {
		if err := r.measureStore(o, name, floor); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (r *report) measureStore(o settings, name string, floor *baselineServers) error {
	w, err := openBenchServer(name, o)
	if err != nil {
		return err
	}
	defer w.close()
	r.Stores = append(r.Stores, w.kind)
	fmt.Printf("\n%s: %s\n%s", w.kind.Name, w.kind.Durability, tableHead)
	for _, n := range o.clients {
		block, err := w.rowsFor(o, n, floor)
		if err != nil {
			return err
		}
		if err := measure(o.long, block...); err != nil {
			return err
		}
		for _, row := range finishRows(block) {
			r.Rows = append(r.Rows, row)
			fmt.Print(row.line())
		}
	}
	return nil
}

// The names of the rows.
const (
	loaderAlone = "loader alone"
	bareLoop    = "bare loop"
	syncing     = "sync with usage"
	cycling     = "reserve + release"
	activating  = "activation"
	listing     = "list licenses, pages of 50"
	reading     = "read a license"
)

// rowsFor returns the measurements for one number of clients, those of the baseline servers included.
func (w *benchServer) rowsFor(o settings, clients int, floor *baselineServers) (block []*measurement, err error) {
	add := func(what string, pool int, prepare func() (task, error)) {
		m := &measurement{row: row{Store: w.kind.Name, What: what, Pool: pool, Clients: clients}}
		for range clients {
			var t task
			if err == nil {
				t, err = prepare()
			}
			m.tasks = append(m.tasks, t)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", m.title(), err)
		}
		block = append(block, m)
	}
	idle, bare, server := connection(floor.idle, clients), connection(floor.bare, clients), connection(w.address, clients)
	add(loaderAlone, 0, func() (task, error) { return floor.installation(idle, true).task(syncOnce) })
	add(bareLoop, 0, func() (task, error) { return floor.installation(bare, false).task(syncOnce) })
	add(syncing, 0, func() (task, error) { return w.installation(server, w.counted).task(syncOnce) })
	for _, size := range w.kind.pools(o.pools) {
		add(cycling, size, func() (task, error) { return w.installation(server, w.pools[size]).task(reserveAndRelease) })
	}
	add(activating, 0, func() (task, error) {
		return func() (int, error) { return activate(w.installation(server, w.counted)) }, nil
	})
	add(listing, 0, func() (task, error) { return w.vendor(server).list(), nil })
	add(reading, 0, func() (task, error) { return w.vendor(server).read(), nil })
	return block, err
}

// finishRows finishes the rows of a block and holds them to its bare loop: an exchange to the whole of it, a cycle, which is two, to half.
func finishRows(block []*measurement) (rows []row) {
	var bare float64
	for _, m := range block {
		row := m.result()
		switch row.What {
		case bareLoop:
			bare = row.PerSecond
		case syncing, activating:
			row.Share = row.PerSecond / bare
		case cycling:
			row.Share = row.PerSecond / (bare / 2)
		}
		rows = append(rows, row)
	}
	return rows
}
