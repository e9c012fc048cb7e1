package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// testServer is a server of these answers, one for each request, and what it was asked.
type testServer struct {
	*Client
	requests []string
	waits    []time.Duration
}

func newTestServer(t *testing.T, answers ...http.HandlerFunc) *testServer {
	t.Helper()
	a := &testServer{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.requests = append(a.requests, fmt.Sprintf("%s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Authorization"), body))
		if len(a.requests) > len(answers) {
			t.Errorf("one request too many: %q", a.requests)
			return
		}
		answers[len(a.requests)-1](w, r)
	}))
	t.Cleanup(s.Close)
	var err error
	a.Client, err = New(s.URL+"/api/v1#fingerprint", Options{Token: "secret", Sleep: func(_ context.Context, d time.Duration) error {
		a.waits = append(a.waits, d)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func respond(status int, kind, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const product = `{"id":"5edb10fecc150913cb7640f6","name":"CAD","description":"","archived":false,"metadata":{},"revision":1,` +
	`"created":"2030-01-02T03:04:05Z","updated":"2030-01-02T03:04:05Z"}`

// proves part of S25
func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		code   string
		status int64
	}{
		"a problem":       {respond(409, "application/problem+json", `{"code":"exists","status":409,"title":"Conflict","detail":"taken"}`), "exists", 409},
		"a proxy":         {respond(502, "text/html", "<h1>Bad gateway</h1>"), CodeNotTheAPI, 502},
		"somebody's page": {respond(200, "text/html; charset=utf-8", "<h1>Welcome</h1>"), CodeNotTheAPI, 200},
		"another API":     {respond(404, "application/json", `{"message":"no"}`), CodeNotTheAPI, 404},
		"nothing":         {respond(500, "", ""), CodeNotTheAPI, 500},
	} {
		a := newTestServer(t, c.answer)
		_, err := a.CreateProductWithResponse(t.Context(), ProductNew{Name: "CAD"})
		var p *Problem
		if !errors.As(err, &p) || p.Code != c.code || p.Status != c.status || p.Title == "" || p.Detail == "" {
			t.Errorf("%s: %#v", name, err)
		}
		if want := `POST /api/v1/products Bearer secret {"name":"CAD"}`; len(a.requests) != 1 || strings.TrimSpace(a.requests[0]) != want {
			t.Errorf("%s: asked %q", name, a.requests)
		}
	}
}

// A signed refusal is an answer of the client protocol, not a problem.
func TestSignedRefusalIsNotAProblem(t *testing.T) {
	a := newTestServer(t, respond(403, "text/plain", "two\nlines\n"))
	r, err := a.SyncWithTextBodyWithResponse(t.Context(), "request")
	if err != nil || r.StatusCode() != 403 || string(r.Body) != "two\nlines\n" {
		t.Errorf("%v %v", r, err)
	}
}

// What may be done twice is sent again when the server says when; what may not is sent once.
func TestRetries(t *testing.T) {
	away := func(header ...string) http.HandlerFunc {
		return respond(503, "application/problem+json", `{"code":"unavailable","status":503,"title":"Service Unavailable","detail":"away"}`, header...)
	}
	busy := respond(429, "application/problem+json", `{"code":"rate_limited","status":429,"title":"Too Many Requests","detail":"slower"}`, "Retry-After", "7")
	good := respond(200, "application/json", product)

	a := newTestServer(t, away("Retry-After", "5"), busy, away(), good)
	r, err := a.ProductWithResponse(t.Context(), "5edb10fecc150913cb7640f6")
	if err != nil || r.JSON200 == nil || r.JSON200.Name != "CAD" {
		t.Errorf("%v %v", r, err)
	}
	if len(a.waits) != 3 || a.waits[0] != 5*time.Second || a.waits[1] != 7*time.Second || a.waits[2] <= 0 || a.waits[2] > 2*time.Second {
		t.Errorf("it waits %v", a.waits)
	}

	a = newTestServer(t, away(), away(), away(), away())
	var p *Problem
	if _, err := a.ProductWithResponse(t.Context(), "5edb10fecc150913cb7640f6"); !errors.As(err, &p) || p.Code != "unavailable" {
		t.Errorf("away for good: %v", err)
	}

	a = newTestServer(t, away("Retry-After", "3600"))
	if _, err := a.ProductWithResponse(t.Context(), "5edb10fecc150913cb7640f6"); !errors.As(err, &p) || len(a.waits) != 0 {
		t.Errorf("away for an hour: %v, after %v", err, a.waits)
	}

	a = newTestServer(t, away())
	if _, err := a.CreateProductWithResponse(t.Context(), ProductNew{Name: "CAD"}); !errors.As(err, &p) || p.Code != "unavailable" {
		t.Errorf("a product that may have been made: %v", err)
	}

	a = newTestServer(t, away(), respond(201, "application/json", product))
	made, err := a.CreateProductWithResponse(t.Context(), ProductNew{Name: "CAD"}, func(_ context.Context, r *http.Request) error {
		r.Header.Set("Idempotency-Key", "one")
		return nil
	})
	if err != nil || made.JSON201 == nil || len(a.requests) != 2 || a.requests[0] != a.requests[1] {
		t.Errorf("with a key: %v, asked %q", err, a.requests)
	}
}

func TestItems(t *testing.T) {
	item := func(name string) string { return strings.Replace(product, "CAD", name, 1) }
	a := newTestServer(t,
		respond(200, "application/json", `{"items":[`+item("a")+`,`+item("b")+`],"next":"2"}`),
		respond(200, "application/json", `{"items":[],"next":"3"}`),
		respond(200, "application/json", `{"items":[`+item("c")+`]}`),
		respond(403, "application/problem+json", `{"code":"forbidden","status":403,"title":"Forbidden","detail":"no"}`))
	products := Items(func(cursor *string) ([]Product, *string, error) {
		r, err := a.ProductsWithResponse(t.Context(), &ProductsParams{Cursor: cursor})
		if err != nil {
			return nil, nil, err
		}
		return r.JSON200.Items, r.JSON200.Next, nil
	})
	var names []string
	for p, err := range products {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) || len(a.requests) != 3 || !strings.Contains(a.requests[2], "cursor=3") {
		t.Errorf("%q, asked %q", names, a.requests)
	}
	for _, err := range products {
		if err == nil {
			t.Error("a list that is forbidden has an item")
		}
	}
}

func TestServerAddresses(t *testing.T) {
	for address, base := range map[string]string{
		"https://licenses.example.com":                "https://licenses.example.com",
		"https://licenses.example.com/":               "https://licenses.example.com",
		"http://localhost:4000/api/v1#0123456789abcd": "http://localhost:4000",
		"https://example.com/licenses/api/v1/":        "https://example.com/licenses",
	} {
		if c, err := New(address, Options{}); err != nil || c.URL("/x") != base+"/x" {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"", "licenses.example.com", "ftp://example.com", "https://user:secret@example.com", "https://", "https://a/?b"} {
		if _, err := New(address, Options{}); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}

// Lines of JSON are a success with a body, although their media type has the word in it.
func TestNDJSONIsNotAProblem(t *testing.T) {
	const lines = `{"number":1}` + "\n" + `{"number":2}` + "\n"
	a := newTestServer(t, respond(http.StatusOK, "application/x-ndjson", lines), respond(http.StatusOK, "application/x-ndjson", lines))
	audit, err := a.AuditExportWithResponse(t.Context(), nil)
	if err != nil || string(audit.Body) != lines {
		t.Errorf("the audit log: %+v %v", audit, err)
	}
	all, err := a.ExportAllWithResponse(t.Context())
	if err != nil || string(all.Body) != lines {
		t.Errorf("everything: %+v %v", all, err)
	}
}
