package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

const acme = license.ID("aaaaaaaaaaaaaaaaaaaaaaaa")

// fixture is a store, a clock that the test advances, and nodes on them.
type fixture struct {
	*testing.T
	store licensing.EntryStore
	mu    sync.Mutex
	at    time.Time
}

func newFixture(t *testing.T) *fixture {
	return &fixture{T: t, store: memory.New(), at: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (w *fixture) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *fixture) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func (w *fixture) node() *Service {
	s := New(Config{Store: w.store, Key: bytes.Repeat([]byte{7}, 32), Now: w.now, AllowPrivate: true})
	w.Cleanup(s.client.CloseIdleConnections)
	return s
}

// runAll does all that is due now.
func (w *fixture) runAll(s *Service) {
	w.Helper()
	for range 3 {
		if err := s.RunOnce(w.Context()); err != nil {
			w.Fatal(err)
		}
		s.Wait()
	}
}

func (w *fixture) newEvent(key string) events.Event {
	return events.Event{Key: key, Type: events.LicenseSuspended, Org: acme, Time: lease.Time(w.now().UnixMilli()),
		License: "bbbbbbbbbbbbbbbbbbbbbbbb", Customer: "Initech"}
}

func (w *fixture) record(s *Service, keys ...string) {
	w.Helper()
	for _, key := range keys {
		if err := s.Record(w.Context(), w.newEvent(key)); err != nil {
			w.Fatal(err)
		}
	}
}

// receiver is a vendor's program with a configurable response.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	ids    []string
	heads  []http.Header
	bodies []string
}

func (w *fixture) newReceiver(answer http.HandlerFunc) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		r.ids, r.heads, r.bodies = append(r.ids, request.Header.Get("webhook-id")), append(r.heads, request.Header), append(r.bodies,
			string(body))
		r.mu.Unlock()
		answer(rw, request)
	}))
	w.Cleanup(r.Close)
	return r
}

func (r *receiver) requestCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids)
}

func respondOK(http.ResponseWriter, *http.Request) {}

func respondStatus(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// createWebhook subscribes an address to suspensions.
func (w *fixture) createWebhook(s *Service, url string) (string, Webhook) {
	w.Helper()
	secret, hook, err := s.CreateWebhook(w.Context(), Webhook{Org: acme, Name: "ours", URL: url,
		Events: []events.Type{events.LicenseSuspended}})
	if err != nil {
		w.Fatal(err)
	}
	return secret, hook
}

// onlyDelivery returns the only delivery of a webhook.
func (w *fixture) onlyDelivery(s *Service, hook Webhook) Delivery {
	w.Helper()
	list, err := s.Deliveries(w.Context(), acme, hook.ID, licensing.Page{})
	if err != nil || len(list.Items) != 1 {
		w.Fatalf("%d deliveries: %v", len(list.Items), err)
	}
	return list.Items[0]
}

// proves part of B07
func TestEventIsDeliveredAndSigned(t *testing.T) {
	w := newFixture(t)
	s := w.node()
	r := w.newReceiver(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "thank you") })
	secret, hook := w.createWebhook(s, r.URL)
	w.record(s, "1", "1")
	if err := s.Record(t.Context(), events.Event{Key: "2", Type: events.LicenseCreated, Org: acme, Time: 1}); err != nil {
		t.Fatal(err) // not subscribed
	}
	w.runAll(s)
	if r.requestCount() != 1 {
		t.Fatalf("%d requests", r.requestCount())
	}
	head, body := r.heads[0], r.bodies[0]
	if got := signatureHeader([]string{secret}, head.Get("webhook-id"), w.now(), []byte(body)); got != head.Get("webhook-signature") {
		t.Errorf("signed %q, want %q", head.Get("webhook-signature"), got)
	}
	want := `{"id":"` + head.Get("webhook-id") + `","type":"license.suspended","timestamp":"2030-01-02T03:04:05Z","data":{"organisation":"` +
		string(acme) +
		`","license":"bbbbbbbbbbbbbbbbbbbbbbbb","customer":"Initech"}}`
	if body != want || head.Get("content-type") != "application/json" {
		t.Errorf("sent %s\nwant %s", body, want)
	}
	d := w.onlyDelivery(s, hook)
	if d.State != Delivered || d.NextAttempt != 0 || len(d.Attempts) != 1 || d.Attempts[0].Status != 200 ||
		d.Attempts[0].ResponseExcerpt != "thank you" || d.Body != body {
		t.Errorf("%+v", d)
	}
	w.advance(100 * time.Hour)
	w.runAll(s)
	if r.requestCount() != 1 {
		t.Errorf("%d requests", r.requestCount())
	}
}

// The examples of the Standard Webhooks specification.
func TestStandardWebhooksVectors(t *testing.T) {
	got := signatureHeader([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0),
		[]byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// proves part of B07
func TestFailedDeliveryIsRetried(t *testing.T) {
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
		t.Errorf("told %+v %v", events.Items, err)
	}
	if d := w.onlyDelivery(s, hook); len(d.Attempts) != 1 || d.Attempts[0].Status != http.StatusGone {
		t.Errorf("%+v", d)
	}
}

// The error of a name that does not resolve reveals nothing about the server's network.
func TestDNSErrorDoesNotNameTheResolver(t *testing.T) {
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

// More events than a node handles in one batch.
func TestMoreEventsThanOneBatch(t *testing.T) {
	w := newFixture(t)
	s := w.node()
	r := w.newReceiver(respondOK)
	w.createWebhook(s, r.URL)
	for i := range 2*batchSize + 1 {
		w.record(s, fmt.Sprint(i))
	}
	if err := s.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if due, err := w.store.DueEntries(t.Context(), eventKind, s.timestamp(), batchSize); err != nil || len(due) > 0 {
		t.Errorf("%d are left: %v", len(due), err)
	}
	w.runAll(s)
	if r.requestCount() != 2*batchSize+1 {
		t.Errorf("%d requests", r.requestCount())
	}
}

// A receiver that fails does not delay another, nor is it tried for each event in turn.
func TestFailingReceiverDoesNotBlockOthers(t *testing.T) {
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

// proves part of B07
func TestTwoNodesDeliverOnce(t *testing.T) {
	embedded, err := sqlite.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	for name, store := range map[string]licensing.EntryStore{"memory": memory.New(), "sqlite": embedded} {
		w := newFixture(t)
		w.store = store
		nodes := []*Service{w.node(), w.node(), w.node()}
		r := w.newReceiver(respondOK)
		w.createWebhook(nodes[0], r.URL)
		for i := range 30 {
			w.record(nodes[i%3], fmt.Sprint(i))
		}
		var all sync.WaitGroup
		for _, s := range nodes {
			all.Go(func() { w.runAll(s) })
		}
		all.Wait()
		w.runAll(nodes[0])
		seen := map[string]bool{}
		for _, id := range r.ids {
			seen[id] = true
		}
		if len(seen) != 30 || r.requestCount() != 30 {
			t.Errorf("%s: %d events by %d requests", name, len(seen), r.requestCount())
		}
	}
}

// dyingStore stops accepting writes, like the store of a node that is killed.
type dyingStore struct {
	entries
	mu   sync.Mutex
	left int // writes that it still accepts
}

type entries licensing.EntryStore

var errKilled = errors.New("killed")

func (d *dyingStore) spend() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 {
		return errKilled
	}
	d.left--
	return nil
}

func (d *dyingStore) CreateEntry(ctx context.Context, e licensing.Entry) error {
	if err := d.spend(); err != nil {
		return err
	}
	return d.entries.CreateEntry(ctx, e)
}

func (d *dyingStore) ReplaceEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	if err := d.spend(); err != nil {
		return e, err
	}
	return d.entries.ReplaceEntry(ctx, e)
}

// A node is killed before each of its writes in turn, and another continues. The event arrives, always under one id.
//
// proves part of B07
func TestDeliverySurvivesKilledNode(t *testing.T) {
	for writes := range 8 {
		w := newFixture(t)
		r := w.newReceiver(respondOK)
		other := w.node()
		_, hook := w.createWebhook(other, r.URL)
		w.record(other, "1")
		doomed := New(Config{Store: &dyingStore{entries: w.store, left: writes}, Key: bytes.Repeat([]byte{7}, 32), Now: w.now,
			AllowPrivate: true})
		t.Cleanup(doomed.client.CloseIdleConnections)
		for range 3 {
			_ = doomed.RunOnce(t.Context())
			doomed.Wait()
		}
		w.runAll(other)
		w.advance(claimDuration)
		w.runAll(other)
		d := w.onlyDelivery(other, hook)
		if n := r.requestCount(); d.State != Delivered || n < 1 || n > 2 || r.ids[0] != r.ids[n-1] {
			t.Errorf("killed before write %d: %s, requests %v", writes+1, d.State, r.ids)
		}
	}
}

// proves part of B07
func TestRotateSecret(t *testing.T) {
	w := newFixture(t)
	s := w.node()
	r := w.newReceiver(respondOK)
	first, hook := w.createWebhook(s, r.URL)
	second, _, err := s.RotateSecret(t.Context(), acme, hook.ID)
	if err != nil || second == first {
		t.Fatal(err)
	}
	signed := func(secrets ...string) {
		t.Helper()
		w.record(s, fmt.Sprint(r.requestCount()))
		w.runAll(s)
		n := r.requestCount() - 1
		if got, want := r.heads[n].Get("webhook-signature"), signatureHeader(secrets, r.ids[n], w.now(), []byte(r.bodies[n])); got != want {
			t.Errorf("signed %s, want %s", got, want)
		}
	}
	signed(second, first)
	// A vendor who lost the response, or installs the second secret too late, rotates again: what the receiver still has is valid for its
	// day.
	w.advance(secretOverlap / 2)
	third, _, err := s.RotateSecret(t.Context(), acme, hook.ID)
	if err != nil {
		t.Fatal(err)
	}
	signed(third, second, first)
	w.advance(secretOverlap / 2)
	signed(third, second)
	w.advance(secretOverlap / 2)
	signed(third)
	for range 2 * maxSecrets {
		if second, hook, err = s.RotateSecret(t.Context(), acme, hook.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(hook.secrets); n != maxSecrets {
		t.Errorf("%d secrets", n)
	}
	e, err := w.store.Entry(t.Context(), webhookKind, string(hook.ID))
	if err != nil || strings.Contains(string(e.Body), strings.TrimPrefix(second, secretPrefix)) {
		t.Errorf("the secret is not sealed: %s", e.Body)
	}
}

// proves part of B07
func TestPrivateAddressesAreNotDialled(t *testing.T) {
	w := newFixture(t)
	r := w.newReceiver(respondOK)
	guarded := New(Config{Store: w.store, Key: bytes.Repeat([]byte{7}, 32), Now: w.now})
	_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
	// A name that resolves to the server's own machine: its address is checked when it is dialled, not before.
	_, hook := w.createWebhook(guarded, "https://localhost:"+port)
	w.record(guarded, "1")
	w.runAll(guarded)
	if d := w.onlyDelivery(guarded, hook); len(d.Attempts) != 1 || !strings.Contains(d.Attempts[0].Error, "not a public address") ||
		strings.Contains(d.Attempts[0].Error, "127.0.0.1") {
		t.Errorf("%+v", d)
	}
	if r.requestCount() != 0 {
		t.Error("it was asked")
	}
	for address, want := range map[string]bool{
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0":   false,
		"224.0.0.1": false, "255.255.255.255": false, "::1": false, "::": false, "fe80::1": false, "fd00::1": false, "::ffff:10.0.0.1": false,
		"::ffff:127.0.0.1": false,
		"64:ff9b::a00:1":   false, "2002:7f00:1::": false, "ff02::1": false, "2001:db8::1": false, "192.0.2.1": false, "198.18.0.1": false,
		"240.0.0.1": false,
		"::7f00:1":  false, "::a00:1": false, "::ffff:0:a00:1": false, "64:ff9b:1::a00:1": false, "fec0::1": false, "5f00::1": false,
		"4000::1":         false,
		"2001:0:7f00:1::": false, "100::1": false, "3fff::1": false, "168.63.129.16": false, "100.100.100.200": false, "fd00:ec2::254": false,
		"9.9.9.9": true, "2620:fe::fe": true, "172.32.0.1": true, "100.128.0.1": true, "::ffff:9.9.9.9": true,
	} {
		if err := checkPublicAddress(netip.AddrPortFrom(netip.MustParseAddr(address), 443).String()); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// proves part of B07
func TestWebhookValidation(t *testing.T) {
	w := newFixture(t)
	s := New(Config{Store: w.store, Key: bytes.Repeat([]byte{7}, 32), Now: w.now})
	good := Webhook{Org: acme, URL: "https://example.com/hook", Events: []events.Type{events.LicenseCreated}}
	for field, change := range map[string]func(*Webhook){
		"url":     func(w *Webhook) { w.URL = "http://example.com" },
		"url 2":   func(w *Webhook) { w.URL = "https://user:secret@example.com" },
		"url 3":   func(w *Webhook) { w.URL = "https:///path" },
		"url 4":   func(w *Webhook) { w.URL = "file:///etc/passwd" },
		"url 5":   func(w *Webhook) { w.URL = "https://example.com/" + strings.Repeat("a", maxURLLength) },
		"events":  func(w *Webhook) { w.Events = nil },
		"events2": func(w *Webhook) { w.Events = []events.Type{"license.made"} },
		"name":    func(w *Webhook) { w.Name = "a\r\nb" },
	} {
		bad := good
		change(&bad)
		_, _, err := s.CreateWebhook(t.Context(), bad)
		var invalid *licensing.Invalid
		if !errors.As(err, &invalid) || !strings.HasPrefix(field, invalid.Field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for range maxWebhooks {
		if _, _, err := s.CreateWebhook(t.Context(), good); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.CreateWebhook(t.Context(), good); err == nil {
		t.Error("there is no end to webhooks")
	}
	if _, err := s.Webhook(t.Context(), "cccccccccccccccccccccccc", newID()); !errors.Is(err, licensing.ErrNotFound) {
		t.Error(err)
	}
}

// A long response is truncated, and binary content does no harm.
func TestLongResponseIsTruncated(t *testing.T) {
	w := newFixture(t)
	s := w.node()
	_, hook := w.createWebhook(s, w.newReceiver(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write(bytes.Repeat([]byte{0xff, 'a'}, 1<<20))
	}).URL)
	w.record(s, "1")
	w.runAll(s)
	if d := w.onlyDelivery(s, hook); d.State != Delivered || len(d.Attempts[0].ResponseExcerpt) > 2*maxExcerpt {
		t.Errorf("%s %d", d.State, len(d.Attempts[0].ResponseExcerpt))
	}
}
