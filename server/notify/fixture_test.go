package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/store/memory"
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
