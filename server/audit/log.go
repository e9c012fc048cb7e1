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

// A line is an entry whose id is its chain and number. To create it is to append it: of two nodes that try the same number one is told
// that it exists, and takes the next. The entry's time is never that of the one before, so that every store lists a chain in order.

const kind = "audit"

func entryID(chain string, number int64) string { return chain + ":" + strconv.FormatInt(number, 10) }

// Log writes and reads the chains. It is safe for concurrent use, on any number of nodes.
type Log struct {
	Now func() time.Time // the server's clock
	// OnInterrupted is told of what nobody knows whether it was done, before its line is written and at least once; nil: nobody is.
	OnInterrupted func(ctx context.Context, org license.ID, line Line) error

	store licensing.EntryStore
	log   *slog.Logger

	mu     sync.Mutex
	chains map[license.ID]*chain

	founder      atomic.Pointer[license.ID] // once it is known
	failedLogins failedLogins
}

// chain is what this node knows of one. Its lines are written one after the other.
type chain struct {
	mu        sync.Mutex
	isLoaded  bool
	head      ChainHead
	headTime  lease.Time // of the head's entry
	unwritten []Line     // that the store has not taken yet, the oldest first
	written   []string   // ids of written lines that were begun
}

// New makes the log. Each line's number and hash are written into log too: kept elsewhere, they are what a chain is held to.
func New(store licensing.EntryStore, now func() time.Time, log *slog.Logger) *Log {
	return &Log{Now: now, store: store, log: log, chains: map[license.ID]*chain{}}
}

// storeTimeout with the store, whose caller may have gone: what was done is written even so.
const storeTimeout = 10 * time.Second

// maxUnwritten bounds the memory while the store is away. What does not fit is in the log alone.
const maxUnwritten = 1000

// Append writes a line to the organisation's chain, or with an empty id to the server's. When it fails, the line is owed: it is written
// with the next one, or by Settle. If the process ends before, a line that was begun is written by Conclude, on any node.
func (l *Log) Append(ctx context.Context, org license.ID, line Line) error {
	if !line.hasPendingEntry {
		line = withIDAndTime(line)
	}
	c := l.chainFor(org)
	defer l.deletePending(ctx, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unwritten) >= maxUnwritten {
		l.log.Error("a line of the audit log is lost", "line", line)
		return errors.New("too many lines are owed to the audit log")
	}
	c.unwritten = append(c.unwritten, line)
	err := l.writeLines(ctx, org, c)
	if err != nil {
		l.log.Error("a line is owed to the audit log", "line", line, "error", err)
	}
	return err
}

// withIDAndTime gives a new line its id, and its time as it is written.
func withIDAndTime(line Line) Line {
	line.ID, line.Time = newID(), line.Time.UTC().Truncate(time.Millisecond)
	return line
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// WriteUnwritten writes what is owed.
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

// writeLines writes the lines in order. A try whose outcome is not known is made again with the same id, and finds itself.
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
				return fmt.Errorf("telling of what was cut short: %w", err)
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
				written = wrong == nil && there.Value.covers(line) // what is no line is for Verify to find
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

// loadHead finds the end of a chain that this process has not written to yet.
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

// newestEntry is the newest entry of a chain, or a zero one.
func (l *Log) newestEntry(ctx context.Context, org license.ID) (licensing.Entry, error) {
	found, err := l.store.Entries(ctx, kind, org, "", licensing.Page{Limit: 1})
	if err != nil || len(found.Items) == 0 {
		return licensing.Entry{}, err
	}
	return found.Items[0], nil
}
