package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
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
	// Doubt is told of what nobody knows whether it was done, before its line is written and at least once; nil: nobody is.
	Doubt func(ctx context.Context, org license.ID, line Line) error

	store licensing.Entries
	log   *slog.Logger

	mu     sync.Mutex
	chains map[license.ID]*chain

	founder  atomic.Pointer[license.ID] // once it is known
	attempts attempts
}

// chain is what this node knows of one. Its lines are written one after the other.
type chain struct {
	mu   sync.Mutex
	read bool
	head Head
	at   lease.Time // of the head's entry
	owed []Line     // that the store has not taken yet, the oldest first
	done []string   // ids of written lines that were begun
}

// New makes the log. Each line's number and hash are written into log too: kept elsewhere, they are what a chain is held to.
func New(store licensing.Entries, now func() time.Time, log *slog.Logger) *Log {
	return &Log{Now: now, store: store, log: log, chains: map[license.ID]*chain{}}
}

// patience with the store, whose caller may have gone: what was done is written even so.
const patience = 10 * time.Second

// mostOwed bounds the memory while the store is away. What does not fit is in the log alone.
const mostOwed = 1000

// Append writes a line to the organisation's chain, or with an empty id to the server's. When it fails, the line is owed: it is written
// with the next one, or by Settle. If the process ends before, a line that was begun is written by Conclude, on any node.
func (l *Log) Append(ctx context.Context, org license.ID, line Line) error {
	if !line.begun {
		line = dated(line)
	}
	c := l.chain(org)
	defer l.endAll(ctx, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.owed) >= mostOwed {
		l.log.Error("a line of the audit log is lost", "line", line)
		return errors.New("too many lines are owed to the audit log")
	}
	c.owed = append(c.owed, line)
	err := l.settle(ctx, org, c)
	if err != nil {
		l.log.Error("a line is owed to the audit log", "line", line, "error", err)
	}
	return err
}

// dated gives a new line its id, and its time as it is written.
func dated(line Line) Line {
	line.ID, line.Time = newID(), line.Time.UTC().Truncate(time.Millisecond)
	return line
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// Settle writes what is owed.
func (l *Log) Settle(ctx context.Context) error {
	l.mu.Lock()
	chains := make(map[license.ID]*chain, len(l.chains))
	for org, c := range l.chains {
		chains[org] = c
	}
	l.mu.Unlock()
	var errs []error
	for org, c := range chains {
		c.mu.Lock()
		errs = append(errs, l.settle(ctx, org, c))
		c.mu.Unlock()
		l.endAll(ctx, c)
	}
	return errors.Join(errs...)
}

func (l *Log) chain(org license.ID) *chain {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.chains[org]
	if c == nil {
		c = &chain{}
		l.chains[org] = c
	}
	return c
}

// settle writes the lines in order. A try whose outcome is not known is made again with the same id, and finds itself.
func (l *Log) settle(ctx context.Context, org license.ID, c *chain) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for len(c.owed) > 0 {
		if err := l.learn(ctx, org, c); err != nil {
			return err
		}
		line := c.owed[0]
		line.Type, line.Chain, line.Number, line.Previous = Type, chainOf(org), c.head.Number+1, c.head.Hash
		if line.Unknown && l.Doubt != nil {
			if err := l.Doubt(ctx, org, line); err != nil {
				return fmt.Errorf("telling of what was cut short: %w", err)
			}
		}
		body, err := json.Marshal(line)
		if err != nil {
			return fmt.Errorf("writing a line of the audit log: %w", err)
		}
		e := licensing.Entry{
			Kind: kind, ID: entryID(line.Chain, line.Number), Org: org, Search: line.searched(),
			Created: max(lease.Time(line.Time.UnixMilli()), c.at+1), Body: body,
		}
		err = l.store.CreateEntry(ctx, e)
		written := err == nil
		if errors.Is(err, licensing.ErrExists) {
			if e, err = l.store.Entry(ctx, kind, e.ID); err == nil {
				var there Line
				written = json.Unmarshal(e.Body, &there) == nil && there.tells(line) // what is no line is for Verify to find
			}
		}
		if err != nil {
			return fmt.Errorf("appending to the audit log: %w", err)
		}
		c.head, c.at = Head{line.Chain, line.Number, lease.HashOf(e.Body)}, e.Created
		if written {
			c.owed = c.owed[1:]
			l.log.Info("audit", "chain", c.head.Chain, "number", c.head.Number, "hash", c.head.Hash, "action", line.Action, "request", line.Request)
			if line.begun {
				c.done = append(c.done, line.ID)
			}
		}
	}
	return nil
}

// learn finds the end of a chain that this process has not written to yet.
func (l *Log) learn(ctx context.Context, org license.ID, c *chain) error {
	if c.read {
		return nil
	}
	last, err := l.last(ctx, org)
	if err != nil {
		return fmt.Errorf("reading the end of the audit log: %w", err)
	}
	c.head, c.at, c.read = Head{Chain: chainOf(org), Hash: lease.Origin}, last.Created, true
	if last.ID != "" {
		var line Line
		if err := json.Unmarshal(last.Body, &line); err != nil {
			return fmt.Errorf("reading the line %s of the audit log: %w", last.ID, err)
		}
		c.head.Number, c.head.Hash = line.Number, lease.HashOf(last.Body)
	}
	return nil
}

// last is the newest entry of a chain, or a zero one.
func (l *Log) last(ctx context.Context, org license.ID) (licensing.Entry, error) {
	found, err := l.store.Entries(ctx, kind, org, "", licensing.Page{Limit: 1})
	if err != nil || len(found.Items) == 0 {
		return licensing.Entry{}, err
	}
	return found.Items[0], nil
}
