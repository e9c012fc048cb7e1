package notify

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// proves part of B07
func TestEventIsDeliveredAndSigned(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	got := signatureHeader([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0),
		[]byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// More events than a node handles in one batch.
func TestMoreEventsThanOneBatch(t *testing.T) {
	t.Parallel()
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

// proves part of B07
func TestTwoNodesDeliverOnce(t *testing.T) {
	t.Parallel()
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

// A node is killed before each of its writes in turn, and another continues. The event arrives, always under one id.
//
// proves part of B07
func TestDeliverySurvivesKilledNode(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
