package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

// A webhook whose receiver has taken nothing for long is switched off, and so is one whose receiver says that it is gone. Since when it
// fails stands in an entry of its own, so that a member's edit does not meet it; while all is well there is none.

const healthKind = "webhook_health"

// maxFailingTime is longer than one delivery is tried.
const maxFailingTime = 5 * 24 * time.Hour

// recordFailure notes that a receiver took nothing. One that is switched off can only be tested, and what comes of that is nobody's news.
func (s *Service) recordFailure(ctx context.Context, w Webhook, a Attempt) error {
	if w.Disabled {
		return nil
	}
	if a.Status == http.StatusGone {
		return s.disable(ctx, w, "its receiver answered 410: it is gone")
	}
	now := s.timestamp()
	err := s.Store.CreateEntry(ctx, licensing.Entry{Kind: healthKind, ID: string(w.ID), Org: w.Org, Created: now})
	if !errors.Is(err, licensing.ErrExists) {
		return err
	}
	since, err := s.Store.Entry(ctx, healthKind, string(w.ID))
	if isConflict(err) {
		return nil
	}
	if err == nil && now-since.Created >= lease.Time(maxFailingTime.Milliseconds()) {
		return s.disable(ctx, w, fmt.Sprintf("its receiver has taken nothing since %s", since.Created.Std().UTC().Format(time.RFC3339)))
	}
	return err
}

// maxBackoff is how long deliveries wait at most while their receiver is away. Receivers that come back get what waits within that time.
const maxBackoff = time.Hour

// backoff is how long deliveries wait that were not tried because another failed: a tenth of the time that their receiver has been failing.
// A backlog is so many writes each time.
func (s *Service) backoff(ctx context.Context, webhook license.ID) time.Duration {
	since, err := s.Store.Entry(ctx, healthKind, string(webhook))
	if err != nil {
		return retryDelays[0]
	}
	return min(max(retryDelays[0], time.Duration(s.timestamp()-since.Created)*time.Millisecond/10), maxBackoff)
}

// clearFailure forgets that a receiver failed.
func (s *Service) clearFailure(ctx context.Context, id license.ID) error {
	_, err := s.Store.Entry(ctx, healthKind, string(id))
	if err == nil {
		err = s.Store.DeleteEntry(ctx, healthKind, string(id), 0)
	}
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

// disable switches a webhook off. The notice is told first: told twice it is one, and one too many does less harm than none.
func (s *Service) disable(ctx context.Context, w Webhook, reason string) error {
	n := events.Event{
		Key: fmt.Sprintf("%s:%d", w.ID, w.Revision), Type: events.WebhookDisabled, Org: w.Org, Time: s.timestamp(),
		Details: map[string]any{"webhook": string(w.ID), "url": w.URL, "reason": reason},
	}
	if err := s.Record(ctx, n); err != nil {
		return err
	}
	w.Disabled, w.DisabledReason = true, reason
	if _, err := s.replaceWebhook(ctx, w); err != nil && !isConflict(err) {
		return err
	}
	return nil
}
