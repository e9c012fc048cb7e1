package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

const (
	deliveryKind        = "delivery"
	deliveryRetention   = 30 * 24 * time.Hour
	maxRecordedAttempts = 20   // kept with a delivery
	maxExcerpt          = 1024 // bytes of a response
)

// retryDelays are the delays after each failed attempt, about three days altogether. Each varies by a fifth, so that deliveries that failed
// together are not retried together.
var retryDelays = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour,
	24 * time.Hour,
}

// claimDuration is the time for which a node has a delivery to itself: longer than an attempt can take.
const claimDuration = 4 * receiverTimeout

// State is the progress of a delivery.
type State string

// States of a delivery.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	Failed    State = "failed" // given up; it can be replayed
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID          string
	Webhook     license.ID
	Created     lease.Time
	NextAttempt lease.Time // 0: no further attempt
	Event       string     // id of the event
	Type        events.Type
	State       State
	Body        string // exact request body
	Attempts    []Attempt
}

// Attempt is one request and its result.
type Attempt struct {
	Time            lease.Time `json:"time"`
	DurationMS      int64      `json:"took"`             // milliseconds
	Status          int        `json:"status,omitempty"` // HTTP status; 0: no response
	Error           string     `json:"error,omitempty"`
	ResponseExcerpt string     `json:"answer,omitempty"` // beginning of the response's body
}

// deliveryRecord is the body of a delivery's entry.
type deliveryRecord struct {
	Event    string      `json:"event"`
	Type     events.Type `json:"type"`
	State    State       `json:"state"`
	Body     string      `json:"body"`
	Failures int         `json:"failures,omitempty"` // since the delivery was created or replayed
	Attempts []Attempt   `json:"attempts,omitempty"`
}

func deliveryOf(e licensing.TypedEntry[deliveryRecord]) (Delivery, error) {
	k := e.Value
	return Delivery{e.ID, license.ID(e.List), e.Created, e.Due, k.Event, k.Type, k.State, k.Body, k.Attempts}, nil
}

// enqueue creates the delivery of an event to a webhook, if it does not exist yet.
func (s *Service) enqueue(ctx context.Context, w Webhook, event Event, body []byte) error {
	now := s.timestamp()
	_, err := s.deliveryEntries().Create(ctx, licensing.Entry{
		ID: string(w.ID) + "." + event.ID, Org: w.Org, List: string(w.ID), Search: string(event.Type) + "\n" + event.ID, Created: now, Due: now,
		Until: now + lease.Time(deliveryRetention.Milliseconds()),
	}, deliveryRecord{Event: event.ID, Type: event.Type, State: Pending, Body: string(body)})
	if errors.Is(err, licensing.ErrExists) {
		return nil
	}
	return err
}

// TestWebhook sends an event without meaning to a webhook.
func (s *Service) TestWebhook(ctx context.Context, org, id license.ID) (Delivery, error) {
	w, err := s.Webhook(ctx, org, id)
	if err != nil {
		return Delivery{}, err
	}
	event := Event{ID: "evt_" + string(newID()), Type: "webhook.test", Timestamp: s.Now().UTC().Truncate(time.Millisecond),
		Data: EventData{Organisation: org}}
	if err := s.enqueue(ctx, w, event, encode(event)); err != nil {
		return Delivery{}, err
	}
	s.wakeUp()
	return s.Delivery(ctx, org, id, string(id)+"."+event.ID)
}

// Deliveries lists the deliveries to a webhook, newest first.
func (s *Service) Deliveries(ctx context.Context, org, webhook license.ID, page licensing.Page) (licensing.Listing[Delivery], error) {
	found, err := s.deliveryEntries().List(ctx, org, string(webhook), page)
	if err != nil {
		return licensing.Listing[Delivery]{}, err
	}
	return licensing.MapListing(found, deliveryOf)
}

// Delivery returns one delivery of a webhook.
func (s *Service) Delivery(ctx context.Context, org, webhook license.ID, id string) (Delivery, error) {
	e, err := s.deliveryEntry(ctx, org, webhook, id)
	if err != nil {
		return Delivery{}, err
	}
	return deliveryOf(e)
}

func (s *Service) deliveryEntry(ctx context.Context, org, webhook license.ID, id string) (licensing.TypedEntry[deliveryRecord], error) {
	e, err := s.deliveryEntries().GetOf(ctx, org, id)
	if err == nil && e.List != string(webhook) {
		err = licensing.ErrNotFound
	}
	return e, err
}

// Replay sends a delivery again, whatever its state, with the same id and body; it keeps the earlier attempts.
func (s *Service) Replay(ctx context.Context, org, webhook license.ID, id string) (Delivery, error) {
	for range 10 {
		e, err := s.deliveryEntry(ctx, org, webhook, id)
		if err != nil {
			return Delivery{}, err
		}
		e.Value.State, e.Value.Failures = Pending, 0
		e.Due, e.Until = s.timestamp(), s.timestamp()+lease.Time(deliveryRetention.Milliseconds())
		if e, err = s.deliveryEntries().Replace(ctx, e); errors.Is(err, licensing.ErrStale) {
			continue
		} else if err != nil {
			return Delivery{}, err
		}
		s.wakeUp()
		return deliveryOf(e)
	}
	return Delivery{}, licensing.ErrStale
}

// maxLookahead is the number of due deliveries that a node looks through for receivers that it is not busy with.
const maxLookahead = 20 * batchSize

// startDueDeliveries starts the deliveries that are due. Deliveries to one webhook run one after another, those to different webhooks at
// the same time, so that a slow receiver delays no other.
func (s *Service) startDueDeliveries(ctx context.Context) error {
	for _, limit := range []int{batchSize, maxLookahead} {
		due, err := s.Store.DueEntries(ctx, deliveryKind, s.timestamp(), limit)
		if err != nil {
			return err
		}
		if s.startDeliveries(ctx, due) || len(due) < limit {
			return nil
		}
		if limit == maxLookahead { // so many hide what is due to other webhooks
			s.postpone(ctx, due, claimDuration)
		}
	}
	return nil
}

// startDeliveries starts the deliveries to webhooks that this node is not delivering to. It returns false if there was none.
func (s *Service) startDeliveries(ctx context.Context, due []licensing.Entry) (started bool) {
	all := map[license.ID][]licensing.Entry{}
	for _, e := range due {
		all[license.ID(e.List)] = append(all[license.ID(e.List)], e)
	}
	for w, its := range all {
		if s.lock(w) {
			started = true
			s.working.Go(func() {
				defer s.unlock(w)
				s.runTask(ctx, "delivering", func(ctx context.Context) error { return s.deliverAll(ctx, w, its) })
			})
		}
	}
	return started
}

func (s *Service) lock(w license.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked[w] {
		return false
	}
	s.locked[w] = true
	return true
}

func (s *Service) unlock(w license.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.locked, w)
}

// deliverAll delivers to one webhook until a delivery fails. The rest is postponed, because the receiver is unavailable.
func (s *Service) deliverAll(ctx context.Context, webhook license.ID, due []licensing.Entry) error {
	for i, e := range due {
		ok, err := s.deliverOne(ctx, webhook, e)
		if err != nil {
			err = fmt.Errorf("delivery %s: %w", e.ID, err)
		}
		if ctx.Err() != nil {
			return err
		}
		if !ok {
			s.postpone(ctx, due[i+1:], s.backoff(ctx, webhook))
			return err
		}
	}
	s.wakeUp() // there may be more
	return nil
}

// postpone moves deliveries that were not attempted to one later time, so that a single request then finds out for all. It does not touch
// those that another node has claimed.
func (s *Service) postpone(ctx context.Context, due []licensing.Entry, by time.Duration) {
	at := s.timestamp() + lease.Time(jittered(by).Milliseconds())
	for _, e := range due {
		e.Due = at
		if _, err := s.Store.ReplaceEntry(ctx, e); err != nil && !isConflict(err) {
			return // the entry stays due
		}
	}
}

func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64())) //nolint:gosec // no secret
}

// deliverOne makes one attempt. It returns false if the receiver did not accept the delivery.
func (s *Service) deliverOne(ctx context.Context, webhook license.ID, e licensing.Entry) (bool, error) {
	e.Due = s.timestamp() + lease.Time(claimDuration.Milliseconds())
	e, err := s.Store.ReplaceEntry(ctx, e)
	if isConflict(err) {
		return true, nil // another node has claimed it
	} else if err != nil {
		return false, err
	}
	d, err := licensing.DecodeEntry[deliveryRecord](e)
	if err != nil {
		return false, err
	}
	k := &d.Value
	w, err := s.Webhook(ctx, e.Org, webhook)
	switch {
	case errors.Is(err, licensing.ErrNotFound):
		return true, s.recordResult(ctx, d, Failed, 0)
	case err != nil:
		return false, err
	case w.Disabled && k.Type != "webhook.test":
		return true, s.recordResult(ctx, d, Failed, 0)
	}
	a, after, err := s.attempt(ctx, w, *k)
	if err != nil || ctx.Err() != nil {
		return false, err // our own fault or shutdown does not count as an attempt
	}
	k.Attempts = append(k.Attempts, a)
	k.Attempts = k.Attempts[max(0, len(k.Attempts)-maxRecordedAttempts):]
	if a.Status/100 == 2 {
		return true, errors.Join(s.recordResult(ctx, d, Delivered, 0), s.clearFailure(ctx, webhook))
	}
	state, wait := Failed, time.Duration(0)
	if k.Failures < len(retryDelays) {
		state, wait = Pending, max(jittered(retryDelays[k.Failures]), after)
	}
	k.Failures++
	return false, errors.Join(s.recordResult(ctx, d, state, wait), s.recordFailure(ctx, w, a))
}

// recordResult stores the result of an attempt. If the entry was changed meanwhile, it was replayed, and will be sent again.
func (s *Service) recordResult(ctx context.Context, e licensing.TypedEntry[deliveryRecord], state State, wait time.Duration) error {
	e.Value.State, e.Due = state, 0
	if state == Pending {
		e.Due = s.timestamp() + lease.Time(wait.Milliseconds())
	}
	_, err := s.deliveryEntries().Replace(ctx, e)
	if isConflict(err) {
		return nil
	}
	return err
}

// maxRetryAfter is the longest delay that a receiver can ask for.
const maxRetryAfter = 24 * time.Hour

// attempt sends one request. It returns an error only for a fault of ours; what the receiver does wrong is in the attempt.
func (s *Service) attempt(ctx context.Context, w Webhook, k deliveryRecord) (a Attempt, after time.Duration, err error) {
	secrets, err := s.activeSecrets(w)
	if err != nil {
		return a, 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, strings.NewReader(k.Body))
	if err != nil {
		return a, 0, err
	}
	now := s.Now()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "OneLicense-Webhooks/1")
	request.Header.Set(headerID, k.Event)
	request.Header.Set(headerTime, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(headerSignature, signatureHeader(secrets, k.Event, now, []byte(k.Body)))
	a.Time = lease.Time(now.UnixMilli())
	begun := time.Now()
	response, err := s.client.Do(request)
	if err != nil {
		a.DurationMS, a.Error = time.Since(begun).Milliseconds(), errorText(err)
		return a, 0, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxExcerpt))
	a.DurationMS, a.Status, a.ResponseExcerpt = time.Since(begun).Milliseconds(), response.StatusCode, strings.ToValidUTF8(string(text), "?")
	if err != nil && a.Status/100 != 2 {
		a.Error = errorText(err)
	}
	if a.Status/100 == 3 {
		a.Error = "redirects are not followed"
	}
	return a, retryAfter(response.Header.Get("Retry-After"), now), nil
}

// retryAfter returns the delay of a Retry-After header, in seconds or as a date.
func retryAfter(text string, now time.Time) (pause time.Duration) {
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		pause = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		pause = at.Sub(now)
	}
	return min(max(pause, 0), maxRetryAfter)
}

// errorText returns the text of an error without the webhook's address, which the reader knows.
func errorText(err error) string {
	if errors.Is(err, errNotPublic) {
		return "the address " + errNotPublic.Error()
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		if u.Timeout() {
			return "no response within the time limit"
		}
		err = u.Err
	}
	if n := (*net.DNSError)(nil); errors.As(err, &n) { // the whole text would name the DNS server
		return fmt.Sprintf("the name %s cannot be resolved: %s", n.Name, n.Err)
	}
	return err.Error()
}
