package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// proves part of B07
func TestWebhooks(t *testing.T) {
	w := beginWith(t, Config{Data: filepath.Join(t.TempDir(), "data"), PrivateWebhooks: true})
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
	made := p.must(http.StatusCreated, "POST", "/webhooks", map[string]any{
		"url": receiver.URL, "events": []string{"license.created", "license.suspended", "activation.created"},
	})
	secret := made["secret"].(string)
	product, version, license := p.catalogue("perpetual", aLicense("One"))
	if got := next(); !strings.Contains(got, `"type":"license.created"`) || !strings.Contains(got, license) {
		t.Errorf("sent %s", got)
	}
	newDevice(p, product, version, license).accepted()
	if got := next(); !strings.Contains(got, `"type":"activation.created"`) {
		t.Errorf("sent %s", got)
	}
	p.must(http.StatusOK, "POST", "/licenses/"+license+"/suspend", nil)
	suspended := next()
	path := "/webhooks/" + id(made)
	p.must(http.StatusCreated, "POST", path+"/test", nil)
	if got := next(); !strings.Contains(got, `"type":"webhook.test"`) {
		t.Errorf("sent %s", got)
	}

	event, _, _ := strings.Cut(suspended, " ")
	found := p.must(http.StatusOK, "GET", path+"/deliveries?search="+event, nil)["items"].([]any)
	if len(found) != 1 {
		t.Fatalf("found %v", found)
	}
	delivery := path + "/deliveries/" + id(found[0].(map[string]any))
	p.must(http.StatusOK, "POST", delivery+"/replay", nil)
	if again := next(); again != suspended {
		t.Errorf("replayed %s\nfirst    %s", again, suspended)
	}
	if d := p.must(http.StatusOK, "GET", delivery, nil); !strings.HasSuffix(suspended, d["body"].(string)) {
		t.Errorf("the log says %v", d)
	}
	p.do("GET", strings.Replace(delivery, "/"+id(made)+"/", "/"+license+"/", 1), nil).refused(http.StatusNotFound, "not_found")

	edited := p.must(http.StatusOK, "PATCH", path, map[string]any{"revision": made["revision"], "name": "ours", "disabled": true})
	if edited["name"] != "ours" || edited["disabled"] != true {
		t.Errorf("edited %v", edited)
	}
	rotated := p.must(http.StatusOK, "POST", path+"/secret", nil)
	if rotated["secret"] == secret {
		t.Error("the secret is the old one")
	}
	for _, at := range []string{"/webhooks", path, path + "/deliveries", "/audit", "/events"} {
		for _, s := range []string{secret, rotated["secret"].(string)} {
			if r := p.do("GET", at, nil); r.status != http.StatusOK || strings.Contains(string(r.body), s) {
				t.Errorf("%s: %d, and the secret is shown: %s", at, r.status, r.body)
			}
		}
	}
	if got := p.must(http.StatusOK, "GET", "/licenses/"+license+"/events", nil)["items"].([]any); len(got) != 3 {
		t.Errorf("happened to the license: %v", got)
	}
	p.must(http.StatusNoContent, "DELETE", path, nil)
	p.do("GET", path, nil).refused(http.StatusNotFound, "not_found")
}

func TestWebhooksToPrivateAddressesAreASetting(t *testing.T) {
	p := begin(t).owner()
	r := p.do("POST", "/webhooks", map[string]any{"url": "http://192.168.0.1/", "events": []string{"license.created"}})
	if got := r.refused(http.StatusUnprocessableEntity, "invalid"); got.Errors[0].Field != "url" {
		t.Errorf("field %q", got.Errors[0].Field)
	}
}

// proves part of B14
func TestNoticesAreChosen(t *testing.T) {
	p := begin(t).owner()
	for _, path := range []string{"/session/notices", "/organisation/notices"} {
		usual := p.must(http.StatusOK, "GET", path, nil)
		if usual["chosen"] != false || len(usual["events"].([]any)) == 0 {
			t.Errorf("%s: usual %v", path, usual)
		}
		for _, events := range [][]string{{"license.created"}, {}} {
			got := p.must(http.StatusOK, "PUT", path, map[string]any{"events": events})
			if got["chosen"] != true || len(got["events"].([]any)) != len(events) {
				t.Errorf("%s: chose %v, got %v", path, events, got)
			}
		}
		p.do("PUT", path, map[string]any{"events": []string{"license.eaten"}}).refused(http.StatusUnprocessableEntity, "invalid")
		p.must(http.StatusNoContent, "DELETE", path, nil)
		if again := p.must(http.StatusOK, "GET", path, nil); again["chosen"] != false {
			t.Errorf("%s: %v", path, again)
		}
	}
}
