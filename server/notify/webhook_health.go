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

// A webhook is disabled when its receiver has accepted nothing for maxFailingTime, or answers 410 Gone. The time since when it fails is an
// entry of its own, so that it does not conflict with a member's edit; without failures there is none.

const healthKind = "webhook_health"

// maxFailingTime is longer than one delivery is retried.
const maxFailingTime = 5 * 24 * time.Hour

// recordFailure records that the receiver did not accept a delivery. A disabled webhook can only be tested, and the result of that causes
// no event.
func (s *Service) recordFailure(ctx context.Context, w Webhook, a Attempt) error {
	if w.Disabled {
		return nil
	}
	if a.Status == http.StatusGone {
		return s.disable(ctx, w, "the receiver responded with 410 Gone")
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
		return s.disable(ctx, w, fmt.Sprintf("the receiver has accepted nothing since %s", since.Created.Std().UTC().Format(time.RFC3339)))
	}
	return err
}

// maxBackoff is the longest that deliveries wait while their receiver is unavailable; a receiver that is back gets them within this time.
const maxBackoff = time.Hour

// backoff returns how long deliveries wait that were not attempted because another failed: a tenth of the time that their receiver has been
// failing, because postponing a backlog costs a write for each delivery.
func (s *Service) backoff(ctx context.Context, webhook license.ID) time.Duration {
	since, err := s.Store.Entry(ctx, healthKind, string(webhook))
	if err != nil {
		return retryDelays[0]
	}
	return min(max(retryDelays[0], time.Duration(s.timestamp()-since.Created)*time.Millisecond/10), maxBackoff)
}

// clearFailure deletes the record of a receiver's failures.
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

// disable disables a webhook. The event is recorded first: recorded twice it is still one, and a superfluous one does less harm than a
// missing one.
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
