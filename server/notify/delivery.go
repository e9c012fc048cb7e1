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
)

const (
	deliveryKind = "delivery"
	deliveryKept = 30 * 24 * time.Hour
	mostAttempts = 20   // that a delivery remembers
	excerpt      = 1024 // bytes of an answer
)

// waits are the pauses after each failed attempt, about three days altogether. Each is up to a fifth longer or shorter, so that what failed
// together does not come back together.
var waits = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// claim is for how long a node has a delivery to itself: longer than an attempt can take.
const claim = 4 * patience

// State of a delivery.
type State string

// The states.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	Failed    State = "failed" // given up; it can be replayed
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID       string
	Webhook  license.ID
	Created  lease.Time
	Next     lease.Time // when it is tried again; 0: not any more
	Event    string     // its id
	Type     licensing.NoticeType
	State    State
	Body     string // as it is sent
	Attempts []Attempt
}

// Attempt is one request and what came of it.
type Attempt struct {
	Time   lease.Time `json:"time"`
	Took   int64      `json:"took"`             // milliseconds
	Status int        `json:"status,omitempty"` // 0: there was no answer
	Error  string     `json:"error,omitempty"`
	Answer string     `json:"answer,omitempty"` // its beginning
}

// keptDelivery is the body of its entry.
type keptDelivery struct {
	Event    string               `json:"event"`
	Type     licensing.NoticeType `json:"type"`
	State    State                `json:"state"`
	Body     string               `json:"body"`
	Failures int                  `json:"failures,omitempty"` // since it was made or replayed
	Attempts []Attempt            `json:"attempts,omitempty"`
}

func deliveryOf(e licensing.Entry) (Delivery, error) {
	k, err := decode[keptDelivery](e)
	return Delivery{e.ID, license.ID(e.List), e.Created, e.Due, k.Event, k.Type, k.State, k.Body, k.Attempts}, err
}

// post puts an event on its way to a webhook, once.
func (s *Service) post(ctx context.Context, w Webhook, event Event, body []byte) error {
	now := s.time()
	err := s.Store.CreateEntry(ctx, licensing.Entry{
		Kind: deliveryKind, ID: string(w.ID) + "." + event.ID, Org: w.Org, List: string(w.ID), Search: string(event.Type) + "\n" + event.ID, Created: now, Due: now,
		Until: now + lease.Time(deliveryKept.Milliseconds()), Body: encode(keptDelivery{Event: event.ID, Type: event.Type, State: Pending, Body: string(body)}),
	})
	if errors.Is(err, licensing.ErrExists) {
		return nil
	}
	return err
}

// TestWebhook sends an event that means nothing.
func (s *Service) TestWebhook(ctx context.Context, org, id license.ID) (Delivery, error) {
	w, err := s.Webhook(ctx, org, id)
	if err != nil {
		return Delivery{}, err
	}
	event := Event{ID: "evt_" + string(newID()), Type: "webhook.test", Timestamp: s.Now().UTC().Truncate(time.Millisecond), Data: Data{Organisation: org}}
	if err := s.post(ctx, w, event, encode(event)); err != nil {
		return Delivery{}, err
	}
	s.nudge()
	return s.Delivery(ctx, org, id, string(id)+"."+event.ID)
}

// Deliveries lists those to a webhook, newest first.
func (s *Service) Deliveries(ctx context.Context, org, webhook license.ID, page licensing.Page) (licensing.Listing[Delivery], error) {
	found, err := s.Store.Entries(ctx, deliveryKind, org, string(webhook), page)
	return convert(found, err, deliveryOf)
}

// Delivery is one of a webhook's.
func (s *Service) Delivery(ctx context.Context, org, webhook license.ID, id string) (Delivery, error) {
	e, err := s.delivery(ctx, org, webhook, id)
	if err != nil {
		return Delivery{}, err
	}
	return deliveryOf(e)
}

func (s *Service) delivery(ctx context.Context, org, webhook license.ID, id string) (licensing.Entry, error) {
	e, err := licensing.OrgEntry(ctx, s.Store, org, deliveryKind, id)
	if err == nil && e.List != string(webhook) {
		err = licensing.ErrNotFound
	}
	return e, err
}

// Replay sends a delivery again, whatever became of it, with the same id and body and all attempts before it.
func (s *Service) Replay(ctx context.Context, org, webhook license.ID, id string) (Delivery, error) {
	for range 10 {
		e, err := s.delivery(ctx, org, webhook, id)
		if err != nil {
			return Delivery{}, err
		}
		k, err := decode[keptDelivery](e)
		if err != nil {
			return Delivery{}, err
		}
		k.State, k.Failures = Pending, 0
		e.Body, e.Due, e.Until = encode(k), s.time(), s.time()+lease.Time(deliveryKept.Milliseconds())
		if e, err = s.Store.ReplaceEntry(ctx, e); errors.Is(err, licensing.ErrStale) {
			continue
		} else if err != nil {
			return Delivery{}, err
		}
		s.nudge()
		return deliveryOf(e)
	}
	return Delivery{}, licensing.ErrStale
}

// far is how far a node looks past deliveries to receivers that it is busy with.
const far = 20 * batch

// deliver starts what is due. Deliveries to one webhook are made one after the other, those to different ones at a time, so that a slow
// receiver holds up nobody else.
func (s *Service) deliver(ctx context.Context) error {
	for _, limit := range []int{batch, far} {
		due, err := s.Store.DueEntries(ctx, deliveryKind, s.time(), limit)
		if err != nil {
			return err
		}
		if s.start(ctx, due) || len(due) < limit {
			return nil
		}
		if limit == far { // so many hide what is due to others
			s.postpone(ctx, due, claim)
		}
	}
	return nil
}

// start starts the deliveries to webhooks that are not being delivered to; false when there was none.
func (s *Service) start(ctx context.Context, due []licensing.Entry) (started bool) {
	all := map[license.ID][]licensing.Entry{}
	for _, e := range due {
		all[license.ID(e.List)] = append(all[license.ID(e.List)], e)
	}
	for w, its := range all {
		if s.take(w) {
			started = true
			s.working.Go(func() {
				defer s.leave(w)
				s.guarded(ctx, "delivering", func(ctx context.Context) error { return s.deliverAll(ctx, w, its) })
			})
		}
	}
	return started
}

func (s *Service) take(w license.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[w] {
		return false
	}
	s.busy[w] = true
	return true
}

func (s *Service) leave(w license.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, w)
}

// deliverAll makes deliveries to one webhook until one fails. The others wait with it, for the receiver is away.
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
			s.postpone(ctx, due[i+1:], s.held(ctx, webhook))
			return err
		}
	}
	s.nudge() // there may be more
	return nil
}

// postpone moves deliveries that were not tried, all to one time: then one request finds out for all. Who else has them by now keeps them.
func (s *Service) postpone(ctx context.Context, due []licensing.Entry, by time.Duration) {
	at := s.time() + lease.Time(jittered(by).Milliseconds())
	for _, e := range due {
		e.Due = at
		if _, err := s.Store.ReplaceEntry(ctx, e); err != nil && !gone(err) {
			return // it stays due
		}
	}
}

func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64())) //nolint:gosec // no secret
}

// deliverOne makes one attempt; false when the receiver did not take it.
func (s *Service) deliverOne(ctx context.Context, webhook license.ID, e licensing.Entry) (bool, error) {
	e.Due = s.time() + lease.Time(claim.Milliseconds())
	e, err := s.Store.ReplaceEntry(ctx, e)
	if gone(err) {
		return true, nil // another node has it
	} else if err != nil {
		return false, err
	}
	k, err := decode[keptDelivery](e)
	if err != nil {
		return false, err
	}
	w, err := s.Webhook(ctx, e.Org, webhook)
	switch {
	case errors.Is(err, licensing.ErrNotFound):
		return true, s.finish(ctx, e, k, Failed, 0)
	case err != nil:
		return false, err
	case w.Disabled && k.Type != "webhook.test":
		return true, s.finish(ctx, e, k, Failed, 0)
	}
	a, after, err := s.attempt(ctx, w, k)
	if err != nil || ctx.Err() != nil {
		return false, err // our own fault, or our end: it was no attempt
	}
	k.Attempts = append(k.Attempts, a)
	k.Attempts = k.Attempts[max(0, len(k.Attempts)-mostAttempts):]
	if a.Status/100 == 2 {
		return true, errors.Join(s.finish(ctx, e, k, Delivered, 0), s.recovered(ctx, webhook))
	}
	state, wait := Failed, time.Duration(0)
	if k.Failures < len(waits) {
		state, wait = Pending, max(jittered(waits[k.Failures]), after)
	}
	k.Failures++
	return false, errors.Join(s.finish(ctx, e, k, state, wait), s.failed(ctx, w, a))
}

// finish writes what became of an attempt. Who has changed the entry meanwhile wanted it sent again, and it will be.
func (s *Service) finish(ctx context.Context, e licensing.Entry, k keptDelivery, state State, wait time.Duration) error {
	k.State = state
	e.Body, e.Due = encode(k), 0
	if state == Pending {
		e.Due = s.time() + lease.Time(wait.Milliseconds())
	}
	_, err := s.Store.ReplaceEntry(ctx, e)
	if gone(err) {
		return nil
	}
	return err
}

// mostAfter is the longest pause that a receiver can ask for.
const mostAfter = 24 * time.Hour

// attempt sends one request. An error is one of ours; what the receiver does wrong stands in the attempt.
func (s *Service) attempt(ctx context.Context, w Webhook, k keptDelivery) (a Attempt, after time.Duration, err error) {
	secrets, err := s.secretsOf(w)
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
	request.Header.Set(headerSignature, signature(secrets, k.Event, now, []byte(k.Body)))
	a.Time = lease.Time(now.UnixMilli())
	begun := time.Now()
	response, err := s.client.Do(request)
	if err != nil {
		a.Took, a.Error = time.Since(begun).Milliseconds(), plain(err)
		return a, 0, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, excerpt))
	a.Took, a.Status, a.Answer = time.Since(begun).Milliseconds(), response.StatusCode, strings.ToValidUTF8(string(text), "?")
	if err != nil && a.Status/100 != 2 {
		a.Error = plain(err)
	}
	if a.Status/100 == 3 {
		a.Error = "redirects are not followed"
	}
	return a, retryAfter(response.Header.Get("Retry-After"), now), nil
}

// retryAfter is the pause that a receiver asks for, in seconds or by a time.
func retryAfter(text string, now time.Time) (pause time.Duration) {
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		pause = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		pause = at.Sub(now)
	}
	return min(max(pause, 0), mostAfter)
}

// plain is an error without the address, which the reader knows.
func plain(err error) string {
	if errors.Is(err, errNotPublic) {
		return "the address " + errNotPublic.Error()
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		if u.Timeout() {
			return "no answer in time"
		}
		err = u.Err
	}
	if n := (*net.DNSError)(nil); errors.As(err, &n) { // in whole it says which server was asked
		return fmt.Sprintf("the name %s is not found: %s", n.Name, n.Err)
	}
	return err.Error()
}
