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

// What is about to be done is noted before it is, in an entry that goes when its line is written. An entry that stays belongs to a process
// that has ended on the way: its line says what was asked, and that nobody knows whether it was done. Entry and line have one id. So it does
// not matter how often an entry is looked at, or on how many nodes.

const pendingKind = "audit_begun"

// MaxDuration is how long something may take before it counts as cut short. If it comes through after all, it has a second line.
const MaxDuration = 5 * time.Minute

// Begin notes what is about to be done. The line that it gives is completed and appended afterwards, or taken back.
func (l *Log) Begin(ctx context.Context, org license.ID, line Line) (Line, error) {
	line = withIDAndTime(line)
	line.hasPendingEntry = true
	at := lease.Time(line.Time.UnixMilli())
	_, err := licensing.EntriesOf[Line](l.store, pendingKind).Create(ctx,
		licensing.Entry{ID: line.ID, Org: org, Created: at, Due: at + lease.Time(MaxDuration.Milliseconds())}, line)
	if err != nil {
		return line, fmt.Errorf("noting in the audit log what is about to be done: %w", err)
	}
	return line, nil
}

// Cancel forgets what was begun: nothing was done.
func (l *Log) Cancel(ctx context.Context, line Line) { l.deletePendingEntry(ctx, line.ID) }

// deletePending deletes the entries of lines that were written. It is called without the chain's lock, for nobody has to wait for that.
func (l *Log) deletePending(ctx context.Context, c *chain) {
	c.mu.Lock()
	done := c.written
	c.written = nil
	c.mu.Unlock()
	for _, id := range done {
		l.deletePendingEntry(ctx, id)
	}
}

// deletePendingEntry deletes an entry. One that stays is looked at by Conclude, so a failure is worth no more than a word.
func (l *Log) deletePendingEntry(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := l.store.DeleteEntry(ctx, pendingKind, id, 0); err != nil && !errors.Is(err, licensing.ErrNotFound) {
		l.log.Warn("what was begun is still noted in the audit log", "id", id, "error", err)
	}
}

// WriteInterrupted writes the lines of what was cut short.
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
			errs = append(errs, fmt.Errorf("concluding %s: %w", e.ID, err))
		}
	}
	return errors.Join(errs...)
}

// AppendOnce writes a line whose id the caller has chosen, unless the chain has one with that id, written at the line's time or later. Several
// nodes may do the same at a time. A line that the store does not take is not owed: the caller tries again.
func (l *Log) AppendOnce(ctx context.Context, org license.ID, line Line) error {
	c := l.chainFor(org)
	defer l.deletePending(ctx, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	// In this order: has is shown what comes before the end that is known from here on, and settle meets what comes after.
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

// hasLine tells whether the chain has a line with this one's id. An entry of a line is no older than the line, and each is younger than the one
// before, so only the newest are looked at.
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

// covers whether the line has told what another would: a line that knows what came of it says more than one that does not.
func (l Line) covers(other Line) bool {
	return l.ID == other.ID && (other.Unknown || !l.Unknown)
}
