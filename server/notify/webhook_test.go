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
	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

const acme = license.ID("aaaaaaaaaaaaaaaaaaaaaaaa")

// world is a store, a clock that the test moves, and nodes on them.
type world struct {
	*testing.T
	store licensing.Entries
	mu    sync.Mutex
	at    time.Time
}

func newWorld(t *testing.T) *world {
	return &world{T: t, store: memory.New(), at: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func (w *world) node() *Service {
	s := New(Config{Store: w.store, Key: bytes.Repeat([]byte{7}, 32), Now: w.now, AllowPrivate: true})
	w.Cleanup(s.client.CloseIdleConnections)
	return s
}

// work does all that is due now.
func (w *world) work(s *Service) {
	w.Helper()
	for range 3 {
		if err := s.Work(w.Context()); err != nil {
			w.Fatal(err)
		}
		s.Wait()
	}
}

func (w *world) notice(key string) licensing.Notice {
	return licensing.Notice{Key: key, Type: licensing.LicenseSuspended, Org: acme, Time: lease.Time(w.now().UnixMilli()), License: "bbbbbbbbbbbbbbbbbbbbbbbb", Customer: "Initech"}
}

func (w *world) tell(s *Service, keys ...string) {
	w.Helper()
	for _, key := range keys {
		if err := s.Tell(w.Context(), w.notice(key)); err != nil {
			w.Fatal(err)
		}
	}
}

// receiver is a vendor's program. It answers as its test wants.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	ids    []string
	heads  []http.Header
	bodies []string
}

func (w *world) receiver(answer http.HandlerFunc) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		r.ids, r.heads, r.bodies = append(r.ids, request.Header.Get("webhook-id")), append(r.heads, request.Header), append(r.bodies, string(body))
		r.mu.Unlock()
		answer(rw, request)
	}))
	w.Cleanup(r.Close)
	return r
}

func (r *receiver) got() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids)
}

func fine(http.ResponseWriter, *http.Request) {}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hook asks for suspensions at an address.
func (w *world) hook(s *Service, url string) (string, Webhook) {
	w.Helper()
	secret, hook, err := s.CreateWebhook(w.Context(), Webhook{Org: acme, Name: "ours", URL: url, Events: []licensing.NoticeType{licensing.LicenseSuspended}})
	if err != nil {
		w.Fatal(err)
	}
	return secret, hook
}

// only is the one delivery that there is to a webhook.
func (w *world) only(s *Service, hook Webhook) Delivery {
	w.Helper()
	list, err := s.Deliveries(w.Context(), acme, hook.ID, licensing.Page{})
	if err != nil || len(list.Items) != 1 {
		w.Fatalf("%d deliveries: %v", len(list.Items), err)
	}
	return list.Items[0]
}

// proves part of B07
func TestEventIsDeliveredAndSigned(t *testing.T) {
	w := newWorld(t)
	s := w.node()
	r := w.receiver(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "thank you") })
	secret, hook := w.hook(s, r.URL)
	w.tell(s, "1", "1")
	if err := s.Tell(t.Context(), licensing.Notice{Key: "2", Type: licensing.LicenseCreated, Org: acme, Time: 1}); err != nil {
		t.Fatal(err) // it is not asked for
	}
	w.work(s)
	if r.got() != 1 {
		t.Fatalf("%d requests", r.got())
	}
	head, body := r.heads[0], r.bodies[0]
	if got := signature([]string{secret}, head.Get("webhook-id"), w.now(), []byte(body)); got != head.Get("webhook-signature") {
		t.Errorf("signed %q, want %q", head.Get("webhook-signature"), got)
	}
	want := `{"id":"` + head.Get("webhook-id") + `","type":"license.suspended","timestamp":"2030-01-02T03:04:05Z","data":{"organisation":"` + string(acme) +
		`","license":"bbbbbbbbbbbbbbbbbbbbbbbb","customer":"Initech"}}`
	if body != want || head.Get("content-type") != "application/json" {
		t.Errorf("sent %s\nwant %s", body, want)
	}
	d := w.only(s, hook)
	if d.State != Delivered || d.Next != 0 || len(d.Attempts) != 1 || d.Attempts[0].Status != 200 || d.Attempts[0].Answer != "thank you" || d.Body != body {
		t.Errorf("%+v", d)
	}
	w.pass(100 * time.Hour)
	w.work(s)
	if r.got() != 1 {
		t.Errorf("%d requests", r.got())
	}
}

// The examples of Standard Webhooks' own specification.
func TestSignatureOfTheSpecification(t *testing.T) {
	got := signature([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// proves part of B07
func TestReceiverThatFails(t *testing.T) {
	stuck := make(chan struct{})
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string
		status int
	}{
		"500":       {status(500), "", 500},
		"redirects": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "not followed", 302},
		"hangs up": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}, "EOF", 0},
		"is slow": {func(http.ResponseWriter, *http.Request) { <-stuck }, "no answer in time", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.node()
			if name == "is slow" {
				s.client.Timeout = 20 * time.Millisecond
			}
			var up bool
			var mu sync.Mutex
			r := w.receiver(func(rw http.ResponseWriter, request *http.Request) {
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
			_, hook := w.hook(s, r.URL)
			w.tell(s, "1")
			w.work(s)
			d := w.only(s, hook)
			if a := d.Attempts; d.State != Pending || len(a) != 1 || a[0].Status != c.status || !strings.Contains(a[0].Error, c.says) || d.Next <= d.Created {
				t.Fatalf("%+v", d)
			}
			w.work(s)
			if r.got() != 1 {
				t.Errorf("%d requests at once", r.got())
			}
			mu.Lock()
			up = true
			mu.Unlock()
			s.client.Timeout = patience
			w.pass(2 * waits[0])
			w.work(s)
			if d = w.only(s, hook); d.State != Delivered || len(d.Attempts) != 2 || r.got() != 2 || r.ids[0] != r.ids[1] {
				t.Errorf("%+v by %d requests %v", d, r.got(), r.ids)
			}
		})
	}
}

// proves part of B07
func TestReceiverThatIsDownForDays(t *testing.T) {
	w := newWorld(t)
	s := w.node()
	r := w.receiver(fine)
	_, hook := w.hook(s, r.URL)
	r.Close() // nobody listens
	w.tell(s, "1")
	begun, attempts := w.now(), 0
	for range 80 * 60 {
		w.work(s)
		if n := len(w.only(s, hook).Attempts); n != attempts {
			attempts = n
		}
		if w.only(s, hook).State != Pending {
			break
		}
		w.pass(time.Duration(w.only(s, hook).Next-lease.Time(w.now().UnixMilli())) * time.Millisecond)
	}
	if d, took := w.only(s, hook), w.now().Sub(begun); d.State != Failed || attempts != len(waits)+1 || took < 48*time.Hour || took > 96*time.Hour {
		t.Errorf("%s after %d attempts in %v", d.State, attempts, took)
	}
	if h, err := s.Webhook(t.Context(), acme, hook.ID); err != nil || h.Disabled {
		t.Errorf("disabled too early: %+v %v", h, err)
	}

	// After five days without any success it is switched off, and that is news.
	w.pass(mostFailing - w.now().Sub(begun))
	w.tell(s, "2")
	w.work(s)
	h, err := s.Webhook(t.Context(), acme, hook.ID)
	if err != nil || !h.Disabled || !strings.Contains(h.Reason, "2030-01-02T03:04:05Z") {
		t.Errorf("%+v %v", h, err)
	}
	events, err := s.Events(t.Context(), acme, "", licensing.Page{})
	if err != nil || events.Items[0].Type != licensing.WebhookDisabled || events.Items[0].Data.Details["url"] != hook.URL {
		t.Errorf("%+v %v", events.Items, err)
	}
	w.tell(s, "3")
	w.work(s)
	w.pass(100 * time.Hour)
	w.work(s)
	list, err := s.Deliveries(t.Context(), acme, hook.ID, licensing.Page{})
	if err != nil || len(list.Items) != 2 || list.Items[0].State != Failed {
		t.Errorf("%+v %v", list, err)
	}

	// A member mends it and replays what was lost.
	back := w.receiver(fine)
	h.URL, h.Disabled = back.URL, false
	if h, err = s.UpdateWebhook(t.Context(), h); err != nil || h.Reason != "" {
		t.Fatalf("%+v %v", h, err)
	}
	for _, d := range list.Items {
		if _, err := s.Replay(t.Context(), acme, hook.ID, d.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.work(s)
	if back.got() != 2 {
		t.Errorf("replayed %v", back.ids)
	}
}

// proves part of B07
func TestReceiverThatIsGoneOrBusy(t *testing.T) {
	w := newWorld(t)
	s := w.node()
	_, gone := w.hook(s, w.receiver(status(http.StatusGone)).URL)
	_, busy := w.hook(s, w.receiver(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "3600")
		rw.WriteHeader(http.StatusTooManyRequests)
	}).URL)
	_, dated := w.hook(s, w.receiver(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", w.now().Add(2*time.Hour).Format(http.TimeFormat))
		rw.WriteHeader(http.StatusServiceUnavailable)
	}).URL)
	w.tell(s, "1")
	w.work(s)
	if d := w.only(s, dated); d.Next-lease.Time(w.now().UnixMilli()) != lease.Time((2 * time.Hour).Milliseconds()) {
		t.Errorf("tried again at %v", d.Next.Std())
	}
	if h, err := s.Webhook(t.Context(), acme, gone.ID); err != nil || !h.Disabled {
		t.Errorf("%+v %v", h, err)
	}
	if d := w.only(s, busy); d.Next-lease.Time(w.now().UnixMilli()) != lease.Time(time.Hour.Milliseconds()) {
		t.Errorf("tried again at %v", d.Next.Std())
	}
}

// A member has switched it off: whoever tests it learns what the receiver says, and that is all.
//
// proves part of B07
func TestATestOfWhatIsSwitchedOffSwitchesNothingOff(t *testing.T) {
	w := newWorld(t)
	s := w.node()
	_, hook := w.hook(s, w.receiver(status(http.StatusGone)).URL)
	hook.Disabled = true
	hook, err := s.UpdateWebhook(t.Context(), hook)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.TestWebhook(t.Context(), acme, hook.ID); err != nil {
		t.Fatal(err)
	}
	w.work(s)
	after, err := s.Webhook(t.Context(), acme, hook.ID)
	if err != nil || after.Reason != "" || after.Revision != hook.Revision {
		t.Errorf("%+v %v", after, err)
	}
	if events, err := s.Events(t.Context(), acme, "", licensing.Page{}); err != nil || len(events.Items) != 0 {
		t.Errorf("told %+v %v", events.Items, err)
	}
	if d := w.only(s, hook); len(d.Attempts) != 1 || d.Attempts[0].Status != http.StatusGone {
		t.Errorf("%+v", d)
	}
}

// What the log of deliveries says of a name that is not there tells nothing of the network that the server stands in.
func TestAnUnknownNameIsSaidPlainly(t *testing.T) {
	err := &url.Error{Op: "Post", URL: "https://db.internal/", Err: &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
		Err: "no such host", Name: "db.internal", Server: "10.96.0.10:53", IsNotFound: true,
	}}}
	if got := plain(err); strings.Contains(got, "10.96") || !strings.Contains(got, "name") {
		t.Errorf("said %q", got)
	}
}

// counting counts writes.
type counting struct {
	entries
	n atomic.Int64
}

func (c *counting) ReplaceEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	c.n.Add(1)
	return c.entries.ReplaceEntry(ctx, e)
}

// A backlog for a receiver that is away costs the store less and less, and comes soon when it is back.
//
// proves part of B07
func TestABacklogDoesNotWearOutTheStore(t *testing.T) {
	w := newWorld(t)
	store := &counting{entries: w.store}
	w.store = store
	s := w.node()
	var up atomic.Bool
	r := w.receiver(func(rw http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			rw.WriteHeader(http.StatusBadGateway)
		}
	})
	w.hook(s, r.URL)
	const backlog = 300
	for i := range backlog {
		w.tell(s, fmt.Sprint(i))
	}
	hour := func() int64 {
		before := store.n.Load()
		for range 1200 {
			if err := s.Work(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.Wait()
			w.pass(3 * time.Second)
		}
		return store.n.Load() - before
	}
	hour()
	for range 2 {
		w.pass(5 * time.Hour)
		if n := hour(); n > 20*backlog {
			t.Errorf("%d writes in an hour for %d deliveries", n, backlog)
		}
	}
	up.Store(true)
	before := r.got()
	w.pass(2 * mostHeld)
	hour()
	if n := r.got() - before; n < backlog/2 {
		t.Errorf("%d of %d came when the receiver was back", n, backlog)
	}
}

// More than a node looks at in one go.
func TestManyNoticesAtOnce(t *testing.T) {
	w := newWorld(t)
	s := w.node()
	r := w.receiver(fine)
	w.hook(s, r.URL)
	for i := range 2*batch + 1 {
		w.tell(s, fmt.Sprint(i))
	}
	if err := s.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if due, err := w.store.DueEntries(t.Context(), noticeKind, s.time(), batch); err != nil || len(due) > 0 {
		t.Errorf("%d are left: %v", len(due), err)
	}
	w.work(s)
	if r.got() != 2*batch+1 {
		t.Errorf("%d requests", r.got())
	}
}

// A receiver that fails does not hold up another, nor is it asked for each event in turn.
func TestOneFailureIsEnough(t *testing.T) {
	w := newWorld(t)
	s := w.node()
	bad, good := w.receiver(status(503)), w.receiver(fine)
	w.hook(s, bad.URL)
	w.hook(s, good.URL)
	for i := range 20 {
		w.tell(s, fmt.Sprint(i))
	}
	w.work(s)
	if bad.got() != 1 || good.got() != 20 {
		t.Errorf("%d and %d requests", bad.got(), good.got())
	}
}

// proves part of B07
func TestTwoNodesDeliverOnce(t *testing.T) {
	embedded, err := sqlite.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	for name, store := range map[string]licensing.Entries{"memory": memory.New(), "sqlite": embedded} {
		w := newWorld(t)
		w.store = store
		nodes := []*Service{w.node(), w.node(), w.node()}
		r := w.receiver(fine)
		w.hook(nodes[0], r.URL)
		for i := range 30 {
			w.tell(nodes[i%3], fmt.Sprint(i))
		}
		var all sync.WaitGroup
		for _, s := range nodes {
			all.Go(func() { w.work(s) })
		}
		all.Wait()
		w.work(nodes[0])
		seen := map[string]bool{}
		for _, id := range r.ids {
			seen[id] = true
		}
		if len(seen) != 30 || r.got() != 30 {
			t.Errorf("%s: %d events by %d requests", name, len(seen), r.got())
		}
	}
}

// dying is a store that stops taking writes, as for a node that is killed.
type dying struct {
	entries
	mu   sync.Mutex
	left int // writes that it still takes
}

type entries licensing.Entries

var errKilled = errors.New("killed")

func (d *dying) spend() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 {
		return errKilled
	}
	d.left--
	return nil
}

func (d *dying) CreateEntry(ctx context.Context, e licensing.Entry) error {
	if err := d.spend(); err != nil {
		return err
	}
	return d.entries.CreateEntry(ctx, e)
}

func (d *dying) ReplaceEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	if err := d.spend(); err != nil {
		return e, err
	}
	return d.entries.ReplaceEntry(ctx, e)
}

// A node is killed before each of its writes in turn; another goes on. What was told arrives, always under one id.
//
// proves part of B07
func TestNodeThatIsKilledOnTheWay(t *testing.T) {
	for writes := range 8 {
		w := newWorld(t)
		r := w.receiver(fine)
		other := w.node()
		_, hook := w.hook(other, r.URL)
		w.tell(other, "1")
		doomed := New(Config{Store: &dying{entries: w.store, left: writes}, Key: bytes.Repeat([]byte{7}, 32), Now: w.now, AllowPrivate: true})
		t.Cleanup(doomed.client.CloseIdleConnections)
		for range 3 {
			_ = doomed.Work(t.Context())
			doomed.Wait()
		}
		w.work(other)
		w.pass(claim)
		w.work(other)
		d := w.only(other, hook)
		if n := r.got(); d.State != Delivered || n < 1 || n > 2 || r.ids[0] != r.ids[n-1] {
			t.Errorf("killed before write %d: %s, requests %v", writes+1, d.State, r.ids)
		}
	}
}

// proves part of B07
func TestSecretIsRotated(t *testing.T) {
	w := newWorld(t)
	s := w.node()
	r := w.receiver(fine)
	first, hook := w.hook(s, r.URL)
	second, _, err := s.RotateSecret(t.Context(), acme, hook.ID)
	if err != nil || second == first {
		t.Fatal(err)
	}
	signed := func(secrets ...string) {
		t.Helper()
		w.tell(s, fmt.Sprint(r.got()))
		w.work(s)
		n := r.got() - 1
		if got, want := r.heads[n].Get("webhook-signature"), signature(secrets, r.ids[n], w.now(), []byte(r.bodies[n])); got != want {
			t.Errorf("signed %s, want %s", got, want)
		}
	}
	signed(second, first)
	// Who had no answer, or puts the second one in place too late, asks again: what the receiver still has is good for its day.
	w.pass(overlap / 2)
	third, _, err := s.RotateSecret(t.Context(), acme, hook.ID)
	if err != nil {
		t.Fatal(err)
	}
	signed(third, second, first)
	w.pass(overlap / 2)
	signed(third, second)
	w.pass(overlap / 2)
	signed(third)
	for range 2 * mostSecrets {
		if second, hook, err = s.RotateSecret(t.Context(), acme, hook.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(hook.secrets); n != mostSecrets {
		t.Errorf("%d secrets", n)
	}
	e, err := w.store.Entry(t.Context(), webhookKind, string(hook.ID))
	if err != nil || strings.Contains(string(e.Body), strings.TrimPrefix(second, secretPrefix)) {
		t.Errorf("the secret is not sealed: %s", e.Body)
	}
}

// proves part of B07
func TestPrivateAddressesAreNotDialled(t *testing.T) {
	w := newWorld(t)
	r := w.receiver(fine)
	guarded := New(Config{Store: w.store, Key: bytes.Repeat([]byte{7}, 32), Now: w.now})
	_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
	// A name that means the server's own machine: what it means is seen when it is dialled, not before.
	_, hook := w.hook(guarded, "https://localhost:"+port)
	w.tell(guarded, "1")
	w.work(guarded)
	if d := w.only(guarded, hook); len(d.Attempts) != 1 || !strings.Contains(d.Attempts[0].Error, "not a public address") || strings.Contains(d.Attempts[0].Error, "127.0.0.1") {
		t.Errorf("%+v", d)
	}
	if r.got() != 0 {
		t.Error("it was asked")
	}
	for address, want := range map[string]bool{
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false,
		"224.0.0.1": false, "255.255.255.255": false, "::1": false, "::": false, "fe80::1": false, "fd00::1": false, "::ffff:10.0.0.1": false, "::ffff:127.0.0.1": false,
		"64:ff9b::a00:1": false, "2002:7f00:1::": false, "ff02::1": false, "2001:db8::1": false, "192.0.2.1": false, "198.18.0.1": false, "240.0.0.1": false,
		"::7f00:1": false, "::a00:1": false, "::ffff:0:a00:1": false, "64:ff9b:1::a00:1": false, "fec0::1": false, "5f00::1": false, "4000::1": false,
		"2001:0:7f00:1::": false, "100::1": false, "3fff::1": false, "168.63.129.16": false, "100.100.100.200": false, "fd00:ec2::254": false,
		"9.9.9.9": true, "2620:fe::fe": true, "172.32.0.1": true, "100.128.0.1": true, "::ffff:9.9.9.9": true,
	} {
		if err := mayDial(netip.AddrPortFrom(netip.MustParseAddr(address), 443).String()); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// proves part of B07
func TestWebhooksThatAreRefused(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Store: w.store, Key: bytes.Repeat([]byte{7}, 32), Now: w.now})
	good := Webhook{Org: acme, URL: "https://example.com/hook", Events: []licensing.NoticeType{licensing.LicenseCreated}}
	for field, change := range map[string]func(*Webhook){
		"url":     func(w *Webhook) { w.URL = "http://example.com" },
		"url 2":   func(w *Webhook) { w.URL = "https://user:secret@example.com" },
		"url 3":   func(w *Webhook) { w.URL = "https:///path" },
		"url 4":   func(w *Webhook) { w.URL = "file:///etc/passwd" },
		"url 5":   func(w *Webhook) { w.URL = "https://example.com/" + strings.Repeat("a", mostText) },
		"events":  func(w *Webhook) { w.Events = nil },
		"events2": func(w *Webhook) { w.Events = []licensing.NoticeType{"license.made"} },
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
	for range mostWebhooks {
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

// A long answer is cut off, and what is in it harms nobody.
func TestLongAnswer(t *testing.T) {
	w := newWorld(t)
	s := w.node()
	_, hook := w.hook(s, w.receiver(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write(bytes.Repeat([]byte{0xff, 'a'}, 1<<20))
	}).URL)
	w.tell(s, "1")
	w.work(s)
	if d := w.only(s, hook); d.State != Delivered || len(d.Attempts[0].Answer) > 2*excerpt {
		t.Errorf("%s %d", d.State, len(d.Attempts[0].Answer))
	}
}
