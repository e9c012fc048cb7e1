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
	"github.com/onelicense/onelicense/server/licensing"
)

// upkeep is the work that nobody asks for: it goes on from Open to Close, on every node. Each task must be right when several nodes do it
// at a time, and when none does for a while.
type upkeep struct {
	stop  context.CancelFunc
	tasks sync.WaitGroup
}

// tidyEvery is how often what may be forgotten is.
const tidyEvery = time.Minute

// settleEvery is how soon lines of the audit log are written that wait.
const settleEvery = 5 * time.Second

// expiringEvery is how soon after its time the end of a license is announced.
const expiringEvery = time.Minute

// keepUp starts a task for each thing to be done.
func (s *Server) keepUp() {
	ctx, stop := context.WithCancel(context.Background())
	s.upkeep.stop = stop
	s.every(ctx, tidyEvery, "tidying", func(ctx context.Context) error {
		return s.store.TidyEntries(ctx, lease.Time(s.config.Now().UnixMilli()))
	})
	s.every(ctx, settleEvery, "audit log", s.settleAudit)
	s.every(ctx, expiringEvery, "expiring licenses", s.domain.TellExpiring)
	s.upkeep.tasks.Go(func() { s.notify.Run(ctx) })
}

// auditNotice writes a line for what the server does by itself, once, though each node hands the notice out and may do so again.
func (s *Server) auditNotice(ctx context.Context, n licensing.Notice) error {
	line := audit.Line{ID: string(lease.HashOf([]byte(string(n.Type) + "\n" + n.Key)))[:16], Time: n.Time.Std().UTC(), Actor: audit.Actor{Kind: "system"}, Action: string(n.Type)}
	switch n.Type {
	case licensing.WebhookDisabled:
		line.Records = []string{fmt.Sprint("webhooks/", n.Details["webhook"])}
	case licensing.ServerRestored:
		line.Records = []string{fmt.Sprint("epochs/", n.Details["epoch"])}
		if err := s.audit.AppendOnce(ctx, "", line); err != nil {
			return err
		}
	default:
		return nil
	}
	return s.audit.AppendOnce(ctx, n.Org, line)
}

// interrupted tells of a change that was cut short, for its own events may be lost with the node.
func (s *Server) interrupted(ctx context.Context, org license.ID, line audit.Line) error {
	n := licensing.Notice{
		Key: line.ID, Type: licensing.ServerInterrupted, Org: org, Time: lease.Time(s.config.Now().UnixMilli()),
		Details: map[string]any{"action": line.Action, "records": strings.Join(line.Records, " "), "request": line.Request},
	}
	for _, record := range line.Records {
		if id, ok := strings.CutPrefix(record, "licenses/"); ok && strings.Count(n.Details["records"].(string), "licenses/") == 1 {
			n.License = license.ID(id)
		}
	}
	return s.notify.Tell(ctx, n)
}

// settleAudit writes the lines that are owed, those of what was cut short, and those of failed logins.
func (s *Server) settleAudit(ctx context.Context) error {
	return errors.Join(s.audit.Settle(ctx), s.audit.Conclude(ctx), s.audit.WriteAttempts(ctx, func(ctx context.Context, email string) (org, member license.ID, err error) {
		m, err := s.access.MemberByEmail(ctx, email)
		return m.Organisation, m.ID, err
	}))
}

// every does a task again and again. What fails is logged, and tried again the next time.
func (s *Server) every(ctx context.Context, interval time.Duration, name string, task func(context.Context) error) {
	s.upkeep.tasks.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if err := unbroken(ctx, task); err != nil && ctx.Err() == nil {
				s.config.Log.Error("upkeep failed", "task", name, "error", err)
			}
		}
	})
}

// unbroken makes an error of a panic: a bug in a task that nobody asked for must not end what they did ask for.
func unbroken(ctx context.Context, task func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a task panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return task(ctx)
}

// finish ends the tasks and waits for them.
func (u *upkeep) finish() {
	if u.stop != nil {
		u.stop()
	}
	u.tasks.Wait()
}
