package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A change is recorded before it is made, in a pending entry that is deleted when its line is written. A pending entry that stays belongs
// to a process that ended on the way: its line says what was requested, and that the outcome is unknown. Entry and line have the same id,
// so it does not matter how many times, or on how many nodes, a pending entry is handled.

const pendingKind = "audit_begun"

// MaxDuration is the time after which a change counts as interrupted. If it completes later, it gets a second line.
const MaxDuration = 5 * time.Minute

// Begin records a change that is about to be made. Complete the returned line and Append it, or Cancel it.
func (l *Log) Begin(ctx context.Context, org license.ID, line Line) (Line, error) {
	line = withIDAndTime(line)
	line.hasPendingEntry = true
	at := lease.Time(line.Time.UnixMilli())
	_, err := licensing.EntriesOf[Line](l.store, pendingKind).Create(ctx,
		licensing.Entry{ID: line.ID, Org: org, Created: at, Due: at + lease.Time(MaxDuration.Milliseconds())}, line)
	if err != nil {
		return line, fmt.Errorf("recording the pending change in the audit log: %w", err)
	}
	return line, nil
}

// Cancel deletes the pending entry of a change that was not made.
func (l *Log) Cancel(ctx context.Context, line Line) { l.deletePendingEntry(ctx, line.ID) }

// deletePending deletes the pending entries of written lines. It is called without the chain's lock, because nobody needs to wait for it.
func (l *Log) deletePending(ctx context.Context, c *chain) {
	c.mu.Lock()
	done := c.written
	c.written = nil
	c.mu.Unlock()
	for _, id := range done {
		l.deletePendingEntry(ctx, id)
	}
}

// deletePendingEntry deletes one pending entry. It only logs a failure, because WriteInterrupted handles an entry that stays.
func (l *Log) deletePendingEntry(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := l.store.DeleteEntry(ctx, pendingKind, id, 0); err != nil && !errors.Is(err, licensing.ErrNotFound) {
		l.log.Warn("a pending entry of the audit log was not deleted", "id", id, "error", err)
	}
}

// WriteInterrupted writes the lines of changes that were interrupted.
func (l *Log) WriteInterrupted(ctx context.Context) error {
	due, err := l.store.DueEntries(ctx, pendingKind, lease.Time(l.Now().UnixMilli()), 100)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range due {
		begun, err := licensing.DecodeEntry[Line](e)
		if err == nil {
			begun.Value.hasPendingEntry, begun.Value.Unknown = true, true
			err = l.AppendOnce(ctx, e.Org, begun.Value)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("writing the line of the interrupted change %s: %w", e.ID, err))
		}
	}
	return errors.Join(errs...)
}

// AppendOnce writes a line with an id of the caller's choice, unless the chain has a line with that id at the line's time or later. Several
// nodes may call it at the same time. If the store does not accept the line, the caller must retry.
func (l *Log) AppendOnce(ctx context.Context, org license.ID, line Line) error {
	c := l.chainFor(org)
	defer l.deletePending(ctx, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	// In this order: hasLine sees what comes before the head that is known from here on, and writeLines meets what comes after.
	if err := errors.Join(l.writeLines(ctx, org, c), l.loadHead(ctx, org, c)); err != nil {
		return err
	}
	written, err := l.hasLine(ctx, org, line)
	if err == nil && !written {
		c.unwritten = []Line{line}
		err = l.writeLines(ctx, org, c)
		c.unwritten = nil
	} else if err == nil && line.hasPendingEntry {
		c.written = append(c.written, line.ID)
	}
	return err
}

// hasLine reports whether the chain has a line with this line's id. An entry is no older than its line, and entries are in order of time,
// so only the newest are read.
func (l *Log) hasLine(ctx context.Context, org license.ID, line Line) (bool, error) {
	page := licensing.Page{Limit: 200}
	for {
		found, err := l.store.Entries(ctx, kind, org, "", page)
		if err != nil {
			return false, fmt.Errorf("looking for a line in the audit log: %w", err)
		}
		for _, e := range found.Items {
			if e.Created < lease.Time(line.Time.UnixMilli()) {
				return false, nil
			}
			if there, err := licensing.DecodeEntry[Line](e); err == nil && there.Value.covers(line) {
				return true, nil
			}
		}
		if page.After = found.Next; page.After == "" {
			return false, nil
		}
	}
}

// covers reports whether the line makes another one with the same id superfluous: a line with a known outcome says more than one without.
func (l Line) covers(other Line) bool {
	return l.ID == other.ID && (other.Unknown || !l.Unknown)
}
