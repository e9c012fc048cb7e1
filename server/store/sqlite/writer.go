package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/onelicense/onelicense/server/licensing"
)

// maxBatch is the number of changes that share one COMMIT. A larger batch would delay its first change without saving a relevant number of
// flushes.
const maxBatch = 256

var errClosed = fmt.Errorf("%w: it is closed", licensing.ErrUnavailable)

// writer makes all changes of the data, in one goroutine.
type writer struct {
	connection *sql.Conn
	statements map[string]*sql.Stmt
	cache      *activationCache
	changes    chan *change
	quit       chan struct{} // closed: no more changes are accepted
	stopped    chan struct{} // closed: the goroutine has ended
	once       sync.Once
}

// change is the change of one caller. It is made completely or not at all.
type change struct {
	apply       func(*tx) error
	invalidates bool // it changes licenses, activations or counters and is not an advance
	err         error
	done        chan struct{}
}

// tx is a change in progress. It is valid only inside the function that it is passed to.
type tx struct {
	w     *writer
	wrote bool // the savepoint is set
}

func startWriter(db *sql.DB) (*writer, error) {
	connection, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	w := &writer{
		connection: connection,
		statements: map[string]*sql.Stmt{},
		cache:      newActivationCache(),
		changes:    make(chan *change, maxBatch),
		quit:       make(chan struct{}),
		stopped:    make(chan struct{}),
	}
	go w.run()
	return w, nil
}

// write makes one change: everything that fn does, or nothing if it returns an error. It returns after the COMMIT. fn runs once, on the
// writer's goroutine, so it must be quick and must not wait.
//
// Records in the activation cache must not be changed by write, except by an advance; use writeAndInvalidate.
//
// The context is ignored once the writer has started with the change: from then on the caller must learn its result.
func (s *Store) write(ctx context.Context, fn func(*tx) error) error {
	return s.submit(ctx, &change{apply: fn, done: make(chan struct{})})
}

// writeAndInvalidate is write for changes of what advances start from: licenses, activations and counters. It empties the activation cache.
func (s *Store) writeAndInvalidate(ctx context.Context, fn func(*tx) error) error {
	return s.submit(ctx, &change{apply: fn, invalidates: true, done: make(chan struct{})})
}

func (s *Store) submit(ctx context.Context, c *change) error {
	select {
	case <-s.writer.quit:
		return errClosed
	default:
	}
	select {
	case s.writer.changes <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.writer.quit:
		return errClosed
	}
	select {
	case <-c.done:
		return mapDiskError(c.err)
	case <-s.writer.stopped:
	}
	select {
	case <-c.done:
		return mapDiskError(c.err)
	default:
		return errClosed
	}
}

func (w *writer) run() {
	defer close(w.stopped)
	batch := make([]*change, 0, maxBatch)
	for {
		select {
		case c := <-w.changes:
			batch = w.commit(c, batch[:0])
			clear(batch)
		case <-w.quit:
			return
		}
	}
}

// commit makes the first change and all that are waiting in one transaction, and then replies to their callers.
func (w *writer) commit(first *change, batch []*change) []*change {
	err := w.do(`BEGIN IMMEDIATE`)
	begun := err == nil
	for next := first; next != nil; {
		batch = append(batch, next)
		if err == nil {
			err = w.apply(next)
		}
		next = nil
		if len(batch) < maxBatch {
			select {
			case next = <-w.changes:
			default:
			}
		}
	}
	if err == nil {
		err = w.saveMeters()
	}
	if err == nil {
		if err = w.do(`COMMIT`); err != nil {
			err = fmt.Errorf("committing: %w", err)
		}
	}
	if err == nil {
		w.cache.publish()
	} else {
		w.cache.reset() // a COMMIT that failed may have reached the disk
		if begun {
			err = errors.Join(err, w.do(`ROLLBACK`))
		}
	}
	for _, c := range batch {
		if err != nil {
			c.err = err // also for a change that failed by itself: it saw changes that were never stored
		}
		close(c.done)
	}
	return batch
}

// apply makes one change within the transaction. A failure or a panic rolls back only the change's own writes: the goroutine serves all
// callers. The returned error concerns the whole transaction: SQLite may roll all of it back when the disk fails.
func (w *writer) apply(c *change) error {
	if c.invalidates {
		if err := w.saveMeters(); err != nil {
			return err
		}
		w.cache.reset()
	}
	t := &tx{w: w}
	c.err = t.run(c)
	switch {
	case errors.Is(mapDiskError(c.err), licensing.ErrUnavailable):
		return c.err
	case !t.wrote:
		return nil
	case c.err != nil:
		return errors.Join(w.do(`ROLLBACK TO change`), w.do(`RELEASE change`))
	}
	return w.do(`RELEASE change`)
}

func (t *tx) run(c *change) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a change panicked: %v", r)
		}
	}()
	return c.apply(t)
}

// exec changes rows and returns their number.
func (t *tx) exec(query string, args ...any) (int64, error) {
	if !t.wrote {
		if err := t.w.do(`SAVEPOINT change`); err != nil {
			return 0, err
		}
		t.wrote = true
	}
	statement, err := t.w.statement(query)
	if err != nil {
		return 0, err
	}
	result, err := statement.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads one row as the transaction sees it.
func (t *tx) row(query string, args ...any) scanner {
	statement, err := t.w.statement(query)
	if err != nil {
		return failedRow{err}
	}
	return statement.QueryRowContext(context.Background(), args...)
}

// rows reads rows as the transaction sees them and calls each for every one; each must not use the tx.
func (t *tx) rows(each func(scanner) error, query string, args ...any) error {
	statement, err := t.w.statement(query)
	if err != nil {
		return err
	}
	rows, err := statement.QueryContext(context.Background(), args...)
	return scanRows(rows, err, each)
}

func (w *writer) do(query string) error {
	statement, err := w.statement(query)
	if err != nil {
		return err
	}
	_, err = statement.ExecContext(context.Background())
	return err
}

func (w *writer) statement(query string) (*sql.Stmt, error) {
	if statement, ok := w.statements[query]; ok {
		return statement, nil
	}
	statement, err := w.connection.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", query, err)
	}
	w.statements[query] = statement
	return statement, nil
}

func (w *writer) close() error {
	w.once.Do(func() { close(w.quit) })
	<-w.stopped
	var errs []error
	for _, statement := range w.statements { // database/sql leaves them open, and SQLite then leaves the journal beside the file
		errs = append(errs, statement.Close())
	}
	clear(w.statements)
	return errors.Join(append(errs, w.connection.Close())...)
}
