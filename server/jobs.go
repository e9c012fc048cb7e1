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

// jobs is the background work of a node, from Open to Close. Each job must be correct when several nodes run it at the same time, and when
// none has run it for a while.
type jobs struct {
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// job is one task that runs again and again.
type job struct {
	name     string
	interval time.Duration
	run      func(context.Context) error
}

func (s *Server) jobList() []job {
	return []job{
		{"prune expired entries", time.Minute, func(ctx context.Context) error {
			return s.data.Store.DeleteExpiredEntries(ctx, lease.Time(s.config.Now().UnixMilli()))
		}},
		{"write pending audit entries", 5 * time.Second, s.flushAudit},
		{"remind of expiring licenses", time.Minute, s.domain.Events.RecordExpiring},
	}
}

func (s *Server) startJobs() {
	ctx, cancel := context.WithCancel(context.Background())
	s.jobs.cancel = cancel
	for _, j := range s.jobList() {
		s.runEvery(ctx, j)
	}
	s.jobs.tasks.Go(func() { s.notify.Run(ctx) })
}

// RunJobs runs every job once and waits for the mail that requests have caused. Tests call it instead of waiting for the intervals.
func (s *Server) RunJobs(ctx context.Context) error {
	s.access.Wait()
	var errs []error
	for _, j := range s.jobList() {
		errs = append(errs, recoverJob(ctx, j))
	}
	return errors.Join(errs...)
}

// auditEvent writes an audit entry for what the server does by itself. Each node delivers the event and may do so more than once, so the
// entry's id is derived from the event.
func (s *Server) auditEvent(ctx context.Context, n events.Event) error {
	line := audit.Line{
		ID:   string(lease.HashOf([]byte(string(n.Type) + "\n" + n.Key)))[:16],
		Time: n.Time.Std().UTC(), Actor: audit.Actor{Kind: "system"}, Action: string(n.Type),
	}
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

// reportInterrupted emits an event for a change that was interrupted: the change's own events may be lost with the node.
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

// flushAudit writes the audit entries that are pending, those of interrupted changes, and those of failed logins.
func (s *Server) flushAudit(ctx context.Context) error {
	memberOf := func(ctx context.Context, email string) (org, member license.ID, err error) {
		m, err := s.access.MemberByEmail(ctx, email)
		return m.Organisation, m.ID, err
	}
	return errors.Join(s.audit.WriteUnwritten(ctx), s.audit.WriteInterrupted(ctx), s.audit.WriteFailedLogins(ctx, memberOf))
}

// runEvery runs a job at its interval until ctx ends. A failure is logged, and the job runs again at the next interval.
func (s *Server) runEvery(ctx context.Context, j job) {
	s.jobs.tasks.Go(func() {
		ticker := time.NewTicker(j.interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if err := recoverJob(ctx, j); err != nil && ctx.Err() == nil {
				s.config.Log.Error("background job failed", "job", j.name, "error", err)
			}
		}
	})
}

// recoverJob runs a job and turns a panic into an error: a bug in a background job must not end the server.
func recoverJob(ctx context.Context, j job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a job panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return j.run(ctx)
}

// stopAndWait ends the jobs and waits for them.
func (j *jobs) stopAndWait() {
	if j.cancel != nil {
		j.cancel()
	}
	j.tasks.Wait()
}
