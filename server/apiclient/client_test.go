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

// testServer sends one response after another, and records the requests and the client's waits.
type testServer struct {
	*Client
	requests []string
	waits    []time.Duration
}

func newTestServer(t *testing.T, responses ...http.HandlerFunc) *testServer {
	t.Helper()
	a := &testServer{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.requests = append(a.requests, fmt.Sprintf("%s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Authorization"), body))
		if len(a.requests) > len(responses) {
			t.Errorf("one request too many: %q", a.requests)
			return
		}
		responses[len(a.requests)-1](w, r)
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

// The tests use operations of their own, so that they need not change with the names of the API.
type record struct {
	Name string           `json:"name"`
	Note Nullable[string] `json:"note,omitzero"`
}

var (
	createRecord  = Operation[record, record]{"POST", "/api/v1/products"}
	getRecord     = Operation[None, record]{"GET", "/api/v1/products/{id}"}
	updateRecord  = Operation[record, record]{"PATCH", "/api/v1/products/{id}"}
	deleteRecord  = Operation[None, None]{"DELETE", "/api/v1/products/{id}"}
	listRecords   = Operation[None, List[record]]{"GET", "/api/v1/products"}
	exportRecords = Operation[None, io.ReadCloser]{"GET", "/api/v1/export"}
	importRecords = Operation[Raw, None]{"POST", "/api/v1/import"}
	optionalBody  = Operation[*record, None]{"POST", "/api/v1/products/{id}/suspend"}
)

const (
	recordID   = "5edb10fecc150913cb7640f6"
	recordJSON = `{"name":"CAD"}`
)

// proves part of S25
func TestProblems(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		response http.HandlerFunc
		code     string
		status   int64
	}{
		"problem": {respond(409, "application/problem+json", `{"code":"exists","status":409,"title":"Conflict","detail":"taken"}`), "exists",
			409},
		"proxy":       {respond(502, "text/html", "<h1>Bad gateway</h1>"), CodeNotTheAPI, 502},
		"web page":    {respond(200, "text/html; charset=utf-8", "<h1>Welcome</h1>"), CodeNotTheAPI, 200},
		"another API": {respond(404, "application/json", `{"message":"no"}`), CodeNotTheAPI, 404},
		"empty":       {respond(500, "", ""), CodeNotTheAPI, 500},
	} {
		a := newTestServer(t, c.response)
		_, err := Call(t.Context(), a.Client, createRecord, record{Name: "CAD"})
		var p *Problem
		if !errors.As(err, &p) || p.Code != c.code || p.Status != c.status || p.Title == "" || p.Detail == "" {
			t.Errorf("%s: %#v", name, err)
		}
		if want := `POST /api/v1/products Bearer secret {"name":"CAD"}`; len(a.requests) != 1 || strings.TrimSpace(a.requests[0]) != want {
			t.Errorf("%s: requests %q", name, a.requests)
		}
	}
}

// A signed refusal is a response of the client protocol, not a problem.
func TestSignedRefusalIsNotAProblem(t *testing.T) {
	t.Parallel()
	a := newTestServer(t, respond(403, "text/plain", "two\nlines\n"))
	body, err := Call(t.Context(), a.Client, Sync, Raw{"text/plain", []byte("request")})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if text, err := io.ReadAll(body); err != nil || string(text) != "two\nlines\n" {
		t.Errorf("%q %v", text, err)
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	tag := ""
	for name, c := range map[string]struct {
		call func(*Client) error
		want string
	}{
		"path and query": {func(c *Client) error {
			_, err := Call(t.Context(), c, getRecord, None{}, Path("a b/{id}"), Query("limit", 5), Query("tags", []string{"x", "y"}))
			return err
		}, "GET /api/v1/products/a%20b%2F%7Bid%7D?limit=5&tags=x%2Cy Bearer secret "},
		"null in an edit": {func(c *Client) error {
			_, err := Call(t.Context(), c, updateRecord, record{Name: "CAD", Note: Null[string]()}, Path(recordID), IfRevision(7), ReadETag(&tag))
			return err
		}, "PATCH /api/v1/products/" + recordID + ` Bearer secret {"name":"CAD","note":null}`},
		"value in an edit": {func(c *Client) error {
			_, err := Call(t.Context(), c, updateRecord, record{Name: "CAD", Note: Value("draft")}, Path(recordID))
			return err
		}, "PATCH /api/v1/products/" + recordID + ` Bearer secret {"name":"CAD","note":"draft"}`},
		"no body and no result": {func(c *Client) error {
			_, err := Call(t.Context(), c, deleteRecord, None{}, Path(recordID))
			return err
		}, "DELETE /api/v1/products/" + recordID + " Bearer secret "},
		"text": {func(c *Client) error {
			_, err := Call(t.Context(), c, importRecords, Raw{"text/csv", []byte("name\nCAD\n")})
			return err
		}, "POST /api/v1/import Bearer secret name\nCAD\n"},
		"body left out": {func(c *Client) error {
			_, err := Call(t.Context(), c, optionalBody, nil, Path(recordID))
			return err
		}, "POST /api/v1/products/" + recordID + "/suspend Bearer secret "},
	} {
		a := newTestServer(t, respond(200, "application/json", recordJSON, "ETag", `"8-x"`))
		if err := c.call(a.Client); err != nil || len(a.requests) != 1 || a.requests[0] != c.want {
			t.Errorf("%s: %v, requests %q", name, err, a.requests)
		}
	}
	if tag != `"8-x"` {
		t.Errorf("ETag %q", tag)
	}
	a := newTestServer(t)
	for _, path := range [][]string{nil, {""}, {".."}, {"a", "b"}} {
		if _, err := Call(t.Context(), a.Client, getRecord, None{}, Path(path...)); err == nil {
			t.Errorf("the parameters %q are accepted", path)
		}
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	a := newTestServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"7-x"` {
			w.WriteHeader(http.StatusNotModified)
		}
	})
	if _, err := Call(t.Context(), a.Client, getRecord, None{}, Path(recordID), IfNoneMatch(`"7-x"`)); !errors.Is(err, ErrNotModified) {
		t.Error(err)
	}
}

// An idempotent request is sent again when the server says when; another is sent once.
func TestRetries(t *testing.T) {
	t.Parallel()
	unavailable := func(header ...string) http.HandlerFunc {
		return respond(
			503,
			"application/problem+json",
			`{"code":"unavailable","status":503,"title":"Service Unavailable","detail":"away"}`,
			header...)
	}
	busy := respond(
		429,
		"application/problem+json",
		`{"code":"rate_limited","status":429,"title":"Too Many Requests","detail":"slower"}`,
		"Retry-After",
		"7",
	)
	get := func(a *testServer) (record, error) {
		return Call(t.Context(), a.Client, getRecord, None{}, Path(recordID))
	}

	a := newTestServer(t, unavailable("Retry-After", "5"), busy, unavailable(), respond(200, "application/json", recordJSON))
	if r, err := get(a); err != nil || r.Name != "CAD" {
		t.Errorf("%v %v", r, err)
	}
	if len(a.waits) != 3 || a.waits[0] != 5*time.Second || a.waits[1] != 7*time.Second || a.waits[2] <= 0 || a.waits[2] > 2*time.Second {
		t.Errorf("it waits %v", a.waits)
	}

	a = newTestServer(t, unavailable(), unavailable(), unavailable(), unavailable())
	var p *Problem
	if _, err := get(a); !errors.As(err, &p) || p.Code != "unavailable" {
		t.Errorf("unavailable for good: %v", err)
	}

	a = newTestServer(t, unavailable("Retry-After", "3600"))
	if _, err := get(a); !errors.As(err, &p) || len(a.waits) != 0 {
		t.Errorf("unavailable for an hour: %v, after %v", err, a.waits)
	}

	a = newTestServer(t, unavailable())
	if _, err := Call(t.Context(), a.Client, createRecord, record{Name: "CAD"}); !errors.As(err, &p) || p.Code != "unavailable" {
		t.Errorf("a creation that may have happened: %v", err)
	}

	a = newTestServer(t, unavailable(), respond(201, "application/json", recordJSON))
	created, err := Call(t.Context(), a.Client, createRecord, record{Name: "CAD"}, IdempotencyKey("one"))
	if err != nil || created.Name != "CAD" || len(a.requests) != 2 || a.requests[0] != a.requests[1] {
		t.Errorf("with a key: %v, requests %q", err, a.requests)
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	a := newTestServer(t,
		respond(200, "application/json", `{"items":[{"name":"a"},{"name":"b"}],"next":"2"}`),
		respond(200, "application/json", `{"items":[],"next":"3"}`),
		respond(200, "application/json", `{"items":[{"name":"c"}]}`),
		respond(403, "application/problem+json", `{"code":"forbidden","status":403,"title":"Forbidden","detail":"no"}`))
	records := Items(t.Context(), a.Client, listRecords, Query("search", "x"))
	var names []string
	for r, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, r.Name)
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) || len(a.requests) != 3 || !strings.Contains(a.requests[2], "?cursor=3&search=x") {
		t.Errorf("%q, requests %q", names, a.requests)
	}
	for _, err := range records {
		if err == nil {
			t.Error("a list that is forbidden has an item")
		}
	}
}

func TestServerAddresses(t *testing.T) {
	t.Parallel()
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
	for _, address := range []string{"", "licenses.example.com", "ftp://example.com", "https://user:secret@example.com", "https://",
		"https://a/?b"} {
		if _, err := New(address, Options{}); err == nil {
			t.Errorf("%q is accepted", address)
		}
	}
}

// NDJSON is a success with a body, although its media type has the word json in it.
func TestNDJSONIsNotAProblem(t *testing.T) {
	t.Parallel()
	const lines = `{"number":1}` + "\n" + `{"number":2}` + "\n"
	a := newTestServer(t, respond(http.StatusOK, "application/x-ndjson", lines))
	body, err := Call(t.Context(), a.Client, exportRecords, None{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if text, err := io.ReadAll(body); err != nil || string(text) != lines {
		t.Errorf("%q %v", text, err)
	}
}
