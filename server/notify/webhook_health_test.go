package notify

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

// proves part of B07
func TestFailedDeliveryIsRetried(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
		status int
	}{
		"500":       {respondStatus(500), "", 500},
		"redirects": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "not followed", 302},
		"hangs up": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}, "EOF", 0},
		"is slow": {func(http.ResponseWriter, *http.Request) { <-stuck }, "no response within the time limit", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			s := w.node()
			if name == "is slow" {
				s.client.Timeout = 20 * time.Millisecond
			}
			var up bool
			var mu sync.Mutex
			r := w.newReceiver(func(rw http.ResponseWriter, request *http.Request) {
				mu.Lock()
				well := up
				mu.Unlock()
				if !well {
					c.answer(rw, request)
				}
			})
			if name == "is slow" {
				t.Cleanup(func() { close(stuck) })
			}
			_, hook := w.createWebhook(s, r.URL)
			w.record(s, "1")
			w.runAll(s)
			d := w.onlyDelivery(s, hook)
			if a := d.Attempts; d.State != Pending || len(a) != 1 || a[0].Status != c.status || !strings.Contains(a[0].Error, c.says) ||
				d.NextAttempt <= d.Created {
				t.Fatalf("%+v", d)
			}
			w.runAll(s)
			if r.requestCount() != 1 {
				t.Errorf("%d requests at once", r.requestCount())
			}
			mu.Lock()
			up = true
			mu.Unlock()
			s.client.Timeout = receiverTimeout
			w.advance(2 * retryDelays[0])
			w.runAll(s)
			if d = w.onlyDelivery(s, hook); d.State != Delivered || len(d.Attempts) != 2 || r.requestCount() != 2 || r.ids[0] != r.ids[1] {
				t.Errorf("%+v by %d requests %v", d, r.requestCount(), r.ids)
			}
		})
	}
}

// proves part of B07
func TestWebhookIsDisabledAfterDaysOfFailure(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	s := w.node()
	r := w.newReceiver(respondOK)
	_, hook := w.createWebhook(s, r.URL)
	r.Close() // nobody listens
	w.record(s, "1")
	begun, attempts := w.now(), 0
	for range 80 * 60 {
		w.runAll(s)
		if n := len(w.onlyDelivery(s, hook).Attempts); n != attempts {
			attempts = n
		}
		if w.onlyDelivery(s, hook).State != Pending {
			break
		}
		w.advance(time.Duration(w.onlyDelivery(s, hook).NextAttempt-lease.Time(w.now().UnixMilli())) * time.Millisecond)
	}
	if d, took := w.onlyDelivery(s, hook), w.now().Sub(begun); d.State != Failed || attempts != len(retryDelays)+1 || took < 48*time.Hour ||
		took > 96*time.Hour {
		t.Errorf("%s after %d attempts in %v", d.State, attempts, took)
	}
	if h, err := s.Webhook(t.Context(), acme, hook.ID); err != nil || h.Disabled {
		t.Errorf("disabled too early: %+v %v", h, err)
	}

	// After five days without a success it is disabled, and that is an event.
	w.advance(maxFailingTime - w.now().Sub(begun))
	w.record(s, "2")
	w.runAll(s)
	h, err := s.Webhook(t.Context(), acme, hook.ID)
	if err != nil || !h.Disabled || !strings.Contains(h.DisabledReason, "2030-01-02T03:04:05Z") {
		t.Errorf("%+v %v", h, err)
	}
	recorded, err := s.Events(t.Context(), acme, "", licensing.Page{})
	if err != nil || recorded.Items[0].Type != events.WebhookDisabled || recorded.Items[0].Data.Details["url"] != hook.URL {
		t.Errorf("%+v %v", recorded.Items, err)
	}
	w.record(s, "3")
	w.runAll(s)
	w.advance(100 * time.Hour)
	w.runAll(s)
	list, err := s.Deliveries(t.Context(), acme, hook.ID, licensing.Page{})
	if err != nil || len(list.Items) != 2 || list.Items[0].State != Failed {
		t.Errorf("%+v %v", list, err)
	}

	// A member corrects the address and replays what was lost.
	back := w.newReceiver(respondOK)
	h.URL, h.Disabled = back.URL, false
	if h, err = s.UpdateWebhook(t.Context(), h); err != nil || h.DisabledReason != "" {
		t.Fatalf("%+v %v", h, err)
	}
	for _, d := range list.Items {
		if _, err := s.Replay(t.Context(), acme, hook.ID, d.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.runAll(s)
	if back.requestCount() != 2 {
		t.Errorf("replayed %v", back.ids)
	}
}

// proves part of B07
func TestGoneAndRetryAfter(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	s := w.node()
	_, gone := w.createWebhook(s, w.newReceiver(respondStatus(http.StatusGone)).URL)
	_, busy := w.createWebhook(s, w.newReceiver(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "3600")
		rw.WriteHeader(http.StatusTooManyRequests)
	}).URL)
	_, dated := w.createWebhook(s, w.newReceiver(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", w.now().Add(2*time.Hour).Format(http.TimeFormat))
		rw.WriteHeader(http.StatusServiceUnavailable)
	}).URL)
	w.record(s, "1")
	w.runAll(s)
	if d := w.onlyDelivery(s, dated); d.NextAttempt-lease.Time(w.now().UnixMilli()) != lease.Time((2 * time.Hour).Milliseconds()) {
		t.Errorf("tried again at %v", d.NextAttempt.Std())
	}
	if h, err := s.Webhook(t.Context(), acme, gone.ID); err != nil || !h.Disabled {
		t.Errorf("%+v %v", h, err)
	}
	if d := w.onlyDelivery(s, busy); d.NextAttempt-lease.Time(w.now().UnixMilli()) != lease.Time(time.Hour.Milliseconds()) {
		t.Errorf("tried again at %v", d.NextAttempt.Std())
	}
}

// A member has disabled the webhook: a test shows the receiver's response and changes nothing.
//
// proves part of B07
func TestTestingDisabledWebhookChangesNothing(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	s := w.node()
	_, hook := w.createWebhook(s, w.newReceiver(respondStatus(http.StatusGone)).URL)
	hook.Disabled = true
	hook, err := s.UpdateWebhook(t.Context(), hook)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.TestWebhook(t.Context(), acme, hook.ID); err != nil {
		t.Fatal(err)
	}
	w.runAll(s)
	after, err := s.Webhook(t.Context(), acme, hook.ID)
	if err != nil || after.DisabledReason != "" || after.Revision != hook.Revision {
		t.Errorf("%+v %v", after, err)
	}
	if events, err := s.Events(t.Context(), acme, "", licensing.Page{}); err != nil || len(events.Items) != 0 {
		t.Errorf("events %+v %v", events.Items, err)
	}
	if d := w.onlyDelivery(s, hook); len(d.Attempts) != 1 || d.Attempts[0].Status != http.StatusGone {
		t.Errorf("%+v", d)
	}
}

// The error of a name that does not resolve reveals nothing about the server's network.
func TestDNSErrorDoesNotNameTheResolver(t *testing.T) {
	t.Parallel()
	err := &url.Error{Op: "Post", URL: "https://db.internal/", Err: &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
		Err: "no such host", Name: "db.internal", Server: "10.96.0.10:53", IsNotFound: true,
	}}}
	if got := errorText(err); strings.Contains(got, "10.96") || !strings.Contains(got, "name") {
		t.Errorf("said %q", got)
	}
}

// countingStore counts writes.
type countingStore struct {
	entries
	n atomic.Int64
}

func (c *countingStore) ReplaceEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	c.n.Add(1)
	return c.entries.ReplaceEntry(ctx, e)
}

// A backlog for an unavailable receiver costs the store less and less, and is delivered soon when the receiver is back.
//
// proves part of B07
func TestBacklogBackoffLimitsWrites(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	store := &countingStore{entries: w.store}
	w.store = store
	s := w.node()
	var up atomic.Bool
	r := w.newReceiver(func(rw http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			rw.WriteHeader(http.StatusBadGateway)
		}
	})
	w.createWebhook(s, r.URL)
	const backlog = 300
	for i := range backlog {
		w.record(s, fmt.Sprint(i))
	}
	hour := func() int64 {
		before := store.n.Load()
		for range 1200 {
			if err := s.RunOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.Wait()
			w.advance(3 * time.Second)
		}
		return store.n.Load() - before
	}
	hour()
	for range 2 {
		w.advance(5 * time.Hour)
		if n := hour(); n > 20*backlog {
			t.Errorf("%d writes in an hour for %d deliveries", n, backlog)
		}
	}
	up.Store(true)
	before := r.requestCount()
	w.advance(2 * maxBackoff)
	hour()
	if n := r.requestCount() - before; n < backlog/2 {
		t.Errorf("%d of %d came when the receiver was back", n, backlog)
	}
}

// A receiver that fails does not delay another, nor is it tried for each event in turn.
func TestFailingReceiverDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	s := w.node()
	bad, good := w.newReceiver(respondStatus(503)), w.newReceiver(respondOK)
	w.createWebhook(s, bad.URL)
	w.createWebhook(s, good.URL)
	for i := range 20 {
		w.record(s, fmt.Sprint(i))
	}
	w.runAll(s)
	if bad.requestCount() != 1 || good.requestCount() != 20 {
		t.Errorf("%d and %d requests", bad.requestCount(), good.requestCount())
	}
}
