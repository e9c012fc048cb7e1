package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A line is an entry of the store whose id is its chain and number. Creating the entry appends the line: of two nodes that use the same
// number, one gets ErrExists and uses the next. No entry has the time of the one before it, so that every store lists a chain in order.

const kind = "audit"

func entryID(chain string, number int64) string { return chain + ":" + strconv.FormatInt(number, 10) }

// Log writes and reads the chains. It is safe for concurrent use, on any number of nodes.
type Log struct {
	Now func() time.Time // the server's clock
	// OnInterrupted is called for each change whose outcome is unknown, at least once and before its line is written; it may be nil.
	OnInterrupted func(ctx context.Context, org license.ID, line Line) error

	store licensing.EntryStore
	log   *slog.Logger

	mu     sync.Mutex
	chains map[license.ID]*chain

	founder      atomic.Pointer[license.ID] // nil until it is known
	failedLogins failedLogins
}

// chain is this node's state of one chain. A node writes the lines of a chain one after another.
type chain struct {
	mu        sync.Mutex
	isLoaded  bool
	head      ChainHead
	headTime  lease.Time // of the head's entry
	unwritten []Line     // not accepted by the store yet, oldest first
	written   []string   // ids of written lines that have a pending entry
}

// New returns a log. It also writes the number and hash of each line to log: kept elsewhere, they reveal a chain that was truncated or
// rewritten.
func New(store licensing.EntryStore, now func() time.Time, log *slog.Logger) *Log {
	return &Log{Now: now, store: store, log: log, chains: map[license.ID]*chain{}}
}

// storeTimeout bounds a write. The caller's own context does not end it, because the change has been made.
const storeTimeout = 10 * time.Second

// maxUnwritten bounds the memory while the store is unavailable. Further lines are only in the server's log.
const maxUnwritten = 1000

// Append writes a line to the organisation's chain, or with an empty id to the server's. If it fails, the line stays unwritten in memory:
// it is written with the next line, or by WriteUnwritten. If the process ends before that, WriteInterrupted writes a line that was begun,
// on any node.
func (l *Log) Append(ctx context.Context, org license.ID, line Line) error {
	if !line.hasPendingEntry {
		line = withIDAndTime(line)
	}
	c := l.chainFor(org)
	defer l.deletePending(ctx, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unwritten) >= maxUnwritten {
		l.log.Error("an audit log line is lost: too many are waiting for the store", "line", line)
		return errors.New("the audit log cannot be written: too many lines are waiting for the store")
	}
	c.unwritten = append(c.unwritten, line)
	err := l.writeLines(ctx, org, c)
	if err != nil {
		l.log.Error("an audit log line was not written; it will be retried", "line", line, "error", err)
	}
	return err
}

// withIDAndTime sets the id of a new line, and rounds its time to what is written.
func withIDAndTime(line Line) Line {
	line.ID, line.Time = newID(), line.Time.UTC().Truncate(time.Millisecond)
	return line
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return hex.EncodeToString(b[:])
}

// WriteUnwritten writes the lines that the store did not accept before.
func (l *Log) WriteUnwritten(ctx context.Context) error {
	l.mu.Lock()
	chains := make(map[license.ID]*chain, len(l.chains))
	for org, c := range l.chains {
		chains[org] = c
	}
	l.mu.Unlock()
	var errs []error
	for org, c := range chains {
		c.mu.Lock()
		errs = append(errs, l.writeLines(ctx, org, c))
		c.mu.Unlock()
		l.deletePending(ctx, c)
	}
	return errors.Join(errs...)
}

func (l *Log) chainFor(org license.ID) *chain {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.chains[org]
	if c == nil {
		c = &chain{}
		l.chains[org] = c
	}
	return c
}

// writeLines writes the unwritten lines in order. A write whose outcome is unknown is repeated with the same id, by which it finds a line
// that was written.
func (l *Log) writeLines(ctx context.Context, org license.ID, c *chain) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	for len(c.unwritten) > 0 {
		if err := l.loadHead(ctx, org, c); err != nil {
			return err
		}
		line := c.unwritten[0]
		line.Type, line.Chain, line.Number, line.Previous = Type, chainOf(org), c.head.Number+1, c.head.Hash
		if line.Unknown && l.OnInterrupted != nil {
			if err := l.OnInterrupted(ctx, org, line); err != nil {
				return fmt.Errorf("reporting an interrupted change: %w", err)
			}
		}
		created, err := licensing.EntriesOf[Line](l.store, kind).Create(ctx, licensing.Entry{
			ID: entryID(line.Chain, line.Number), Org: org, Search: line.searchText(),
			Created: max(lease.Time(line.Time.UnixMilli()), c.headTime+1),
		}, line)
		e, written := created.Entry, err == nil
		if errors.Is(err, licensing.ErrExists) {
			if e, err = l.store.Entry(ctx, kind, e.ID); err == nil {
				there, wrong := licensing.DecodeEntry[Line](e)
				written = wrong == nil && there.Value.covers(line) // Verify reports entries that are no lines
			}
		}
		if err != nil {
			return fmt.Errorf("appending to the audit log: %w", err)
		}
		c.head, c.headTime = ChainHead{line.Chain, line.Number, lease.HashOf(e.Body)}, e.Created
		if written {
			c.unwritten = c.unwritten[1:]
			l.log.Info("audit", "chain", c.head.Chain, "number", c.head.Number, "hash", c.head.Hash, "action", line.Action, "request", line.Request)
			if line.hasPendingEntry {
				c.written = append(c.written, line.ID)
			}
		}
	}
	return nil
}

// loadHead reads the end of a chain that this process has not written to yet.
func (l *Log) loadHead(ctx context.Context, org license.ID, c *chain) error {
	if c.isLoaded {
		return nil
	}
	last, err := l.newestEntry(ctx, org)
	if err != nil {
		return fmt.Errorf("reading the end of the audit log: %w", err)
	}
	c.head, c.headTime, c.isLoaded = ChainHead{Chain: chainOf(org), Hash: lease.OriginLink}, last.Created, true
	if last.ID != "" {
		line, err := licensing.DecodeEntry[Line](last)
		if err != nil {
			return err
		}
		c.head.Number, c.head.Hash = line.Value.Number, lease.HashOf(last.Body)
	}
	return nil
}

// newestEntry returns the newest entry of a chain, or a zero entry.
func (l *Log) newestEntry(ctx context.Context, org license.ID) (licensing.Entry, error) {
	found, err := l.store.Entries(ctx, kind, org, "", licensing.Page{Limit: 1})
	if err != nil || len(found.Items) == 0 {
		return licensing.Entry{}, err
	}
	return found.Items[0], nil
}
