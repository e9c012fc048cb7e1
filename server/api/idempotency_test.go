package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/servertest"
)

func key(k string) map[string]string { return map[string]string{"Idempotency-Key": k} }

// storedResponse returns the only stored entry of a request with an Idempotency-Key.
func (w *testServer) storedResponse() licensing.Entry {
	w.Helper()
	owner, err := w.Store.MemberByEmail(w.Context(), "owner@acme.test")
	if err != nil {
		w.Fatal(err)
	}
	found, err := w.Store.Entries(w.Context(), "request", owner.Organisation, "", licensing.Page{})
	if err != nil || len(found.Items) != 1 {
		w.Fatalf("%d entries, %v", len(found.Items), err)
	}
	return found.Items[0]
}

// markUnanswered removes the stored response from the entry, which is the state a process leaves when it dies before storing the response.
func (w *testServer) markUnanswered() {
	w.Helper()
	e := w.storedResponse()
	var o map[string]any
	if err := json.Unmarshal(e.Body, &o); err != nil || o["answer"] == nil {
		w.Fatalf("no answer is kept: %s", e.Body)
	}
	delete(o, "answer")
	var err error
	if e.Body, err = json.Marshal(o); err != nil {
		w.Fatal(err)
	}
	if _, err := w.Store.ReplaceEntry(w.Context(), e); err != nil {
		w.Fatal(err)
	}
}

func (p *user) count(path string) int {
	p.w.Helper()
	list := p.Must(http.StatusOK, "GET", listPath(path), nil)
	if keys, is := list["keys"]; is { // a keyring is no list
		return len(keys.([]any))
	}
	return len(list["items"].([]any))
}

// Each call that creates something creates it once, however often the same request is repeated.
//
// proves B09
func TestIdempotentReplay(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product, version, license := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	hook := map[string]any{"url": "https://hooks.example.com/", "events": []string{"license.created"}}
	webhook := id(p.Must(http.StatusCreated, "POST", "/webhooks", hook))
	calls := map[string]struct {
		path string
		body any
		list string // where what was made stands; empty: at the path
	}{
		"createProduct": {"/products", map[string]any{"name": "Again"}, ""},
		"createVersion": {"/products/" + product + "/versions",
			map[string]any{"name": "Again", "policy": map[string]any{"type": "perpetual"}}, ""},
		"createLicense":  {"/versions/" + version + "/licenses", servertest.LicenseBody("Again"), ""},
		"createCustomer": {"/customers", map[string]any{"name": "Again"}, ""},
		"createHold": {"/licenses/" + license + "/holds", map[string]any{"entitlement": "solid_modeling", "until": "2030-02-01T00:00:00Z",
			"part": map[string]any{"name": "user", "value": "ada"}}, ""},
		"addKey":        {"/products/" + product + "/keys", map[string]any{"use": "lease"}, ""},
		"inviteMember":  {"/invitations", map[string]any{"email": "again@acme.test", "role": "support"}, ""},
		"createToken":   {"/tokens", map[string]any{"name": "Again", "scope": []string{"catalogue.read"}}, ""},
		"createWebhook": {"/webhooks", hook, ""},
		"testWebhook":   {"/webhooks/" + webhook + "/test", nil, "/webhooks/" + webhook + "/deliveries"},
		"enrolMFA":      {"/session/mfa", nil, "-"}, // one takes the place of the other: the same answer is all that there is to see
	}
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			count := func() int {
				switch c.list {
				case "-":
					return 0
				case "":
					return p.count(c.path)
				}
				return p.count(c.list)
			}
			before := count()
			first := p.DoWithHeaders(key("k-"+name), "POST", c.path, c.body)
			if first.Status != http.StatusCreated {
				t.Fatalf("%d %s", first.Status, first.Body)
			}
			made := count()
			again := p.DoWithHeaders(key("k-"+name), "POST", c.path, c.body)
			if again.Status != first.Status || !bytes.Equal(again.Body, first.Body) {
				t.Errorf("the second answer is another: %d %s", again.Status, again.Body)
			}
			for _, h := range []string{"Content-Type", "ETag"} {
				if again.Header.Get(h) != first.Header.Get(h) {
					t.Errorf("%s is %q, was %q", h, again.Header.Get(h), first.Header.Get(h))
				}
			}
			if first.Header.Get("Idempotency-Replayed") != "" || again.Header.Get("Idempotency-Replayed") != "true" {
				t.Error("it does not say which one is the first answer")
			}
			if got := count(); c.list != "-" && (made != before+1 || got != made) {
				t.Errorf("%d were made, and %d with the second request", made-before, got-made)
			}
		})
	}
	// What nobody with an account asks for is good once by itself: a link, or a pair of name and password.
	for _, exempt := range []string{"setUp", "acceptInvitation", "login"} {
		calls[exempt] = calls[""]
	}
	for path, methods := range w.document().Paths {
		for method, o := range methods {
			_, makes := o.Responses["201"]
			if _, met := calls[o.OperationID]; makes && !met {
				t.Errorf("%s %s (%s) makes something, and is not tried", method, path, o.OperationID)
			}
		}
	}
}

// proves part of B09
func TestIdempotencyKeyScope(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	product := p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "One"})
	other := p.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Other"})
	body := map[string]any{"name": "1", "policy": map[string]any{"type": "perpetual"}}
	path := "/products/" + id(product) + "/versions"
	if r := p.DoWithHeaders(key("k"), "POST", path, body); r.Status != http.StatusCreated {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	p.DoWithHeaders(key("k"), "POST", path, with(map[string]any{}, "name", "2", "policy", body["policy"])).WantProblem(422,
		"idempotency_reused")
	p.DoWithHeaders(key("k"), "POST", "/products/"+id(other)+"/versions", body).WantProblem(422, "idempotency_reused")
	p.DoWithHeaders(key("k"), "POST", path+"?x=1", body).WantProblem(422, "idempotency_reused")
	// It is another's key, or another route's.
	if r := p.DoWithHeaders(key("k"), "POST", "/products", map[string]any{"name": "Third"}); r.Status != http.StatusCreated {
		t.Errorf("on another route: %d %s", r.Status, r.Body)
	}
	w.AddMember("", "admin@acme.test", access.Admin)
	// it was carried out, and met the first one
	w.login("admin@acme.test").DoWithHeaders(key("k"), "POST", path, body).WantProblem(409, "exists")
	w.otherOrganisation().DoWithHeaders(key("k"), "POST", path, body).WantProblem(404, "not_found")

	for _, bad := range []string{"a b", "ä", strings.Repeat("x", 256)} {
		p.DoWithHeaders(key(bad), "POST", "/products", map[string]any{"name": "x"}).WantProblem(422, "invalid")
	}
	w.Clock.Advance(24 * time.Hour)
	p = w.login("owner@acme.test")
	p.DoWithHeaders(key("k"), "POST", path, body).WantProblem(409, "exists") // a day later it is a new request
}

// proves part of B09
func TestIdempotencyKeyIsFreeAfterRefusal(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	p.DoWithHeaders(key("k"), "POST", "/products", map[string]any{"name": ""}).WantProblem(422, "invalid")
	if r := p.DoWithHeaders(key("k"), "POST", "/products", map[string]any{"name": "Mended"}); r.Status != http.StatusCreated {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// proves part of B09
func TestConcurrentIdempotentRequests(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	const many = 16
	replies := make([]reply, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() { replies[i] = p.DoWithHeaders(key("k"), "POST", "/products", map[string]any{"name": "One"}) })
	}
	all.Wait()
	ids := map[string]bool{}
	for _, r := range replies {
		if r.Status == http.StatusConflict {
			if got := r.WantProblem(http.StatusConflict, "idempotency_in_use"); got.Code != "" && r.Header.Get("Retry-After") == "" {
				t.Error("it does not say when to ask again")
			}
			continue
		}
		var made map[string]any
		if err := json.Unmarshal(r.Body, &made); err != nil || r.Status != http.StatusCreated {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		ids[id(made)] = true
	}
	if len(ids) != 1 || p.count("/products") != 1 {
		t.Errorf("made %v", ids)
	}
}

// A process dies after it has created the record and before it has stored the response: a repetition is first told to wait, and later gets
// the existing record. It is the same when the process died before creating anything.
//
// proves part of B09
func TestIdempotencyAfterCrash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		list string
		body any
	}{
		"product": {"/products", map[string]any{"name": "Again"}},
		"token":   {"/tokens", map[string]any{"name": "Again", "scope": []string{"catalogue.read"}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := startServer(t)
			p := w.owner()
			first := p.DoWithHeaders(key("k"), "POST", c.list, c.body)
			w.markUnanswered()
			r := p.DoWithHeaders(key("k"), "POST", c.list, c.body)
			r.WantProblem(http.StatusConflict, "idempotency_in_use")
			if wait, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
				t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
			}
			w.Clock.Advance(time.Minute)
			again := p.DoWithHeaders(key("k"), "POST", c.list, c.body)
			if again.Status != http.StatusCreated || !sameRecord(t, first.Body, again.Body) || p.count(c.list) != 1 {
				t.Errorf("after a death at the end: %d %s\nfirst %s", again.Status, again.Body, first.Body)
			}

			var made map[string]any
			if err := json.Unmarshal(again.Body, &made); err != nil {
				t.Fatal(err)
			}
			p.Must(http.StatusNoContent, "DELETE", c.list+"/"+id(made), nil)
			w.markUnanswered()
			w.Clock.Advance(time.Minute)
			again = p.DoWithHeaders(key("k"), "POST", c.list, c.body)
			if again.Status != http.StatusCreated || p.count(c.list) != 1 {
				t.Errorf("after a death at the beginning: %d %s", again.Status, again.Body)
			}
		})
	}
}

// sameRecord compares two responses except for their times.
func sameRecord(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y map[string]any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	return x["id"] == y["id"] && x["secret"] == y["secret"] && x["name"] == y["name"]
}

// The database contains no readable response, and so no secret that is shown only once.
//
// proves part of B09
func TestStoredResponsesAreEncrypted(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	made := p.DoWithHeaders(key("order-4711"), "POST", "/tokens", map[string]any{"name": "Robot", "scope": []string{"catalogue.read"}})
	var token struct{ Secret string }
	if err := json.Unmarshal(made.Body, &token); err != nil || token.Secret == "" {
		t.Fatalf("%s", made.Body)
	}
	e := w.storedResponse()
	for _, tell := range []string{token.Secret, token.Secret[28:], "Robot", "secret", "order-4711"} {
		if strings.Contains(string(e.Body), tell) {
			t.Errorf("the entry tells %q", tell)
		}
	}
}

func TestContentEncodingIsRefused(t *testing.T) {
	t.Parallel()
	w := startServer(t)
	p := w.owner()
	p.DoWithHeaders(map[string]string{"Content-Encoding": "gzip"}, "POST", "/products", map[string]any{"name": "x"}).WantProblem(415,
		"unsupported_media_type")
	p.DoWithHeaders(map[string]string{"Content-Encoding": "br"}, "POST", "/sync", "x").WantProblem(415, "unsupported_media_type")
}
