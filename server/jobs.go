package server

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/licensing/events"
)

// jobs is the work that nobody asks for: it goes on from Open to Close, on every node. Each task must be right when several nodes do it
// at a time, and when none does for a while.
type jobs struct {
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// pruneInterval is how often what may be forgotten is.
const pruneInterval = time.Minute

// auditFlushInterval is how soon lines of the audit log are written that wait.
const auditFlushInterval = 5 * time.Second

// expiryReminderInterval is how soon after its time the end of a license is announced.
const expiryReminderInterval = time.Minute

// startJobs starts a task for each thing to be done.
func (s *Server) startJobs() {
	ctx, stop := context.WithCancel(context.Background())
	s.jobs.cancel = stop
	s.runEvery(ctx, pruneInterval, "tidying", func(ctx context.Context) error {
		return s.store.DeleteExpiredEntries(ctx, lease.Time(s.config.Now().UnixMilli()))
	})
	s.runEvery(ctx, auditFlushInterval, "audit log", s.flushAudit)
	s.runEvery(ctx, expiryReminderInterval, "expiring licenses", s.domain.Events.RecordExpiring)
	s.jobs.tasks.Go(func() { s.notify.Run(ctx) })
}

// auditEvent writes a line for what the server does by itself, once, though each node hands the notice out and may do so again.
func (s *Server) auditEvent(ctx context.Context, n events.Event) error {
	line := audit.Line{ID: string(lease.HashOf([]byte(string(n.Type) + "\n" + n.Key)))[:16], Time: n.Time.Std().UTC(), Actor: audit.Actor{Kind: "system"}, Action: string(n.Type)}
	switch n.Type {
	case events.WebhookDisabled:
		line.Records = []string{fmt.Sprint("webhooks/", n.Details["webhook"])}
	case events.ServerRestored:
		line.Records = []string{fmt.Sprint("epochs/", n.Details["epoch"])}
		if err := s.audit.AppendOnce(ctx, "", line); err != nil {
			return err
		}
	default:
		return nil
	}
	return s.audit.AppendOnce(ctx, n.Org, line)
}

// reportInterrupted tells of a change that was cut short, for its own events may be lost with the node.
func (s *Server) reportInterrupted(ctx context.Context, org license.ID, line audit.Line) error {
	n := events.Event{
		Key: line.ID, Type: events.ServerInterrupted, Org: org, Time: lease.Time(s.config.Now().UnixMilli()),
		Details: map[string]any{"action": line.Action, "records": strings.Join(line.Records, " "), "request": line.Request},
	}
	for _, record := range line.Records {
		if id, ok := strings.CutPrefix(record, "licenses/"); ok && strings.Count(n.Details["records"].(string), "licenses/") == 1 {
			n.License = license.ID(id)
		}
	}
	return s.notify.Record(ctx, n)
}

// flushAudit writes the lines that are owed, those of what was cut short, and those of failed logins.
func (s *Server) flushAudit(ctx context.Context) error {
	return errors.Join(s.audit.WriteUnwritten(ctx), s.audit.WriteInterrupted(ctx), s.audit.WriteFailedLogins(ctx, func(ctx context.Context, email string) (org, member license.ID, err error) {
		m, err := s.access.MemberByEmail(ctx, email)
		return m.Organisation, m.ID, err
	}))
}

// runEvery does a task again and again. What fails is logged, and tried again the next time.
func (s *Server) runEvery(ctx context.Context, interval time.Duration, name string, task func(context.Context) error) {
	s.jobs.tasks.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if err := recoverTask(ctx, task); err != nil && ctx.Err() == nil {
				s.config.Log.Error("upkeep failed", "task", name, "error", err)
			}
		}
	})
}

// recoverTask makes an error of a panic: a bug in a task that nobody asked for must not end what they did ask for.
func recoverTask(ctx context.Context, task func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a task panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return task(ctx)
}

// stopAndWait ends the tasks and waits for them.
func (u *jobs) stopAndWait() {
	if u.cancel != nil {
		u.cancel()
	}
	u.tasks.Wait()
}
