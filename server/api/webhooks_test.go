package api_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/servertest"
)

// proves part of B07
func TestWebhooks(t *testing.T) {
	t.Parallel()
	w := startServerWith(t, server.Config{Data: filepath.Join(t.TempDir(), "data"), AllowPrivateAddresses: true})
	p := w.owner()
	sent := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent <- r.Header.Get("webhook-id") + " " + string(body)
	}))
	t.Cleanup(receiver.Close)
	next := func() string {
		t.Helper()
		select {
		case s := <-sent:
			return s
		case <-time.After(time.Minute):
			t.Fatal("nothing was sent")
			return ""
		}
	}
	made := p.Must(http.StatusCreated, "POST", "/webhooks", map[string]any{
		"url": receiver.URL, "events": []string{"license.created", "license.suspended", "activation.created"},
	})
	secret := made["secret"].(string)
	product, version, license := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	if got := next(); !strings.Contains(got, `"type":"license.created"`) || !strings.Contains(got, license) {
		t.Errorf("sent %s", got)
	}
	newDevice(p, product, version, license).MustSync()
	if got := next(); !strings.Contains(got, `"type":"activation.created"`) {
		t.Errorf("sent %s", got)
	}
	p.Must(http.StatusOK, "POST", "/licenses/"+license+"/suspend", nil)
	suspended := next()
	path := "/webhooks/" + id(made)
	p.Must(http.StatusCreated, "POST", path+"/test", nil)
	if got := next(); !strings.Contains(got, `"type":"webhook.test"`) {
		t.Errorf("sent %s", got)
	}

	event, _, _ := strings.Cut(suspended, " ")
	found := p.Must(http.StatusOK, "GET", path+"/deliveries?search="+event, nil)["items"].([]any)
	if len(found) != 1 {
		t.Fatalf("found %v", found)
	}
	delivery := path + "/deliveries/" + id(found[0].(map[string]any))
	p.Must(http.StatusOK, "POST", delivery+"/replay", nil)
	if again := next(); again != suspended {
		t.Errorf("replayed %s\nfirst    %s", again, suspended)
	}
	if d := p.Must(http.StatusOK, "GET", delivery, nil); !strings.HasSuffix(suspended, d["body"].(string)) {
		t.Errorf("the log says %v", d)
	}
	p.Do("GET", strings.Replace(delivery, "/"+id(made)+"/", "/"+license+"/", 1), nil).WantProblem(http.StatusNotFound, "not_found")

	edited := p.Must(http.StatusOK, "PATCH", path, map[string]any{"revision": made["revision"], "name": "ours", "disabled": true})
	if edited["name"] != "ours" || edited["disabled"] != true {
		t.Errorf("edited %v", edited)
	}
	rotated := p.Must(http.StatusOK, "POST", path+"/secret", nil)
	if rotated["secret"] == secret {
		t.Error("the secret is the old one")
	}
	for _, at := range []string{"/webhooks", path, path + "/deliveries", "/audit", "/events"} {
		for _, s := range []string{secret, rotated["secret"].(string)} {
			if r := p.Do("GET", at, nil); r.Status != http.StatusOK || strings.Contains(string(r.Body), s) {
				t.Errorf("%s: %d, and the secret is shown: %s", at, r.Status, r.Body)
			}
		}
	}
	if got := p.Must(http.StatusOK, "GET", "/licenses/"+license+"/events", nil)["items"].([]any); len(got) != 3 {
		t.Errorf("happened to the license: %v", got)
	}
	p.Must(http.StatusNoContent, "DELETE", path, nil)
	p.Do("GET", path, nil).WantProblem(http.StatusNotFound, "not_found")
}

// A vendor suspends a license. The audit log names the actor; the vendor's program gets a signed request, again after a failure; the log
// of deliveries shows both attempts, and a replay sends the same event once more.
//
// proves B07
func TestWebhookDeliveryEndToEnd(t *testing.T) {
	t.Parallel()
	w := startServerWith(t, server.Config{Data: filepath.Join(t.TempDir(), "data"), AllowPrivateAddresses: true})
	p := w.owner()
	type request struct {
		head http.Header
		body string
	}
	requests := make(chan request, 10)
	var down atomic.Bool
	down.Store(true)
	receiver := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if down.Load() {
			answer.WriteHeader(http.StatusBadGateway)
		}
		requests <- request{r.Header, string(body)}
	}))
	t.Cleanup(receiver.Close)
	hook := p.Must(http.StatusCreated, "POST", "/webhooks", map[string]any{"url": receiver.URL, "events": []string{"license.suspended"}})
	_, _, license := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	p.Must(http.StatusOK, "POST", "/licenses/"+license+"/suspend", nil)

	deliveries := "/webhooks/" + id(hook) + "/deliveries"
	state := func() (now string, tries int) {
		d := p.Must(http.StatusOK, "GET", deliveries, nil)["items"].([]any)[0].(map[string]any)
		return d["state"].(string), len(d["attempts"].([]any))
	}
	reaches := func(want string, tries int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
			now, n := state()
			if now == want && n == tries {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s after %d tries, want %s after %d", now, n, want, tries)
			}
		}
	}
	first := receive(t, requests)
	reaches("pending", 1)
	down.Store(false)
	w.Clock.Advance(time.Hour)
	p = w.login("owner@acme.test")
	second := receive(t, requests)
	reaches("delivered", 2)
	p.Must(http.StatusOK, "POST", deliveries+"/"+id(p.Must(http.StatusOK, "GET", deliveries,
		nil)["items"].([]any)[0].(map[string]any))+"/replay", nil)
	third := receive(t, requests)
	reaches("delivered", 3)

	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hook["secret"].(string), "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	for n, r := range []request{first, second, third} {
		event := r.head.Get("Webhook-Id")
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(event + "." + r.head.Get("Webhook-Timestamp") + "." + r.body))
		if r.head.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Errorf("request %d is not signed: %v", n, r.head)
		}
		if r.body != first.body || event != first.head.Get("Webhook-Id") || !strings.Contains(r.body, license) {
			t.Errorf("request %d is another one: %s", n, r.body)
		}
	}

	lines := p.auditLines("action=suspendLicense")
	if len(lines) != 1 || lines[0].Actor.Name != "Ada Owner" || !slices.Contains(lines[0].Records, "licenses/"+license) {
		t.Errorf("the audit log says %+v", lines)
	}
	var head audit.ChainHead
	p.Do("GET", "/audit/head", nil).Decode(&head)
	if _, err := audit.Verify(bytes.NewReader(p.Do("GET", "/audit/export", nil).Body), head); err != nil {
		t.Error(err)
	}
}

func TestWebhooksToPrivateAddressesAreRefusedByDefault(t *testing.T) {
	t.Parallel()
	p := startServer(t).owner()
	r := p.Do("POST", "/webhooks", map[string]any{"url": "http://192.168.0.1/", "events": []string{"license.created"}})
	if got := r.WantProblem(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != "url" {
		t.Errorf("field %q", got.Errors[0].Field)
	}
}

// proves part of B14
func TestNotificationPreferences(t *testing.T) {
	t.Parallel()
	p := startServer(t).owner()
	for _, path := range []string{"/session/notifications", "/organisation/notifications"} {
		usual := p.Must(http.StatusOK, "GET", path, nil)
		if usual["is_custom"] != false || len(usual["events"].([]any)) == 0 {
			t.Errorf("%s: usual %v", path, usual)
		}
		for _, events := range [][]string{{"license.created"}, {}} {
			got := p.Must(http.StatusOK, "PUT", path, map[string]any{"events": events})
			if got["is_custom"] != true || len(got["events"].([]any)) != len(events) {
				t.Errorf("%s: chose %v, got %v", path, events, got)
			}
		}
		p.Do("PUT", path, map[string]any{"events": []string{"license.eaten"}}).WantProblem(http.StatusUnprocessableEntity, "invalid")
		p.Must(http.StatusNoContent, "DELETE", path, nil)
		if again := p.Must(http.StatusOK, "GET", path, nil); again["is_custom"] != false {
			t.Errorf("%s: %v", path, again)
		}
	}
}
