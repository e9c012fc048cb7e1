package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/api"
)

// The tests speak HTTP to a real server at a port that the system chose. Only the clock is theirs.

const password = "correct horse battery"

// testServer is a running server.
type testServer struct {
	*testing.T
	s            *Server
	addr         net.Addr
	url          string
	storeRemoved bool // the test took the store away
	clock        *clock
	log          *logBuffer
}

// clock is moved by hand.
type clock struct {
	mu     sync.Mutex
	at     time.Time
	broken atomic.Bool
}

func (c *clock) now() time.Time {
	if c.broken.Load() {
		panic("the spring is broken")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// logBuffer keeps the log, to look for what must not be in it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startServer starts a server on an empty directory.
func startServer(t *testing.T) *testServer {
	t.Helper()
	return startServerWith(t, Config{Data: filepath.Join(t.TempDir(), "data")})
}

func startServerWith(t *testing.T, c Config) *testServer {
	t.Helper()
	w := &testServer{T: t, clock: &clock{at: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}, log: &logBuffer{}}
	c.Now = w.clock.now
	c.Log = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if w.s, err = Open(c); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.s.Serve(l) }()
	t.Cleanup(func() {
		if err := w.s.Close(); err != nil && !w.storeRemoved {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	w.addr, w.url = l.Addr(), "http://"+l.Addr().String()
	return w
}

// user is somebody with a browser.
type user struct {
	w       *testServer // each answer is searched for its secrets
	browser http.Client
	csrf    string
	bearer  string // an API token, if it is a program
}

func (w *testServer) anonymous() *user {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	transport := &http.Transport{}
	w.Cleanup(transport.CloseIdleConnections)
	return &user{w: w, browser: http.Client{Jar: jar, Transport: transport}}
}

// owner is the first person, made by the setup token.
func (w *testServer) owner() *user {
	w.Helper()
	p := w.anonymous()
	p.must(http.StatusCreated, "POST", "/setup", setupBody(w.s.setupToken))
	return p
}

func setupBody(token string) map[string]string {
	return map[string]string{
		"token": token, "organisation": "Acme", "name": "Ada Owner", "email": "Owner@Acme.test", "password": password,
	}
}

// member puts somebody into an organisation, with the owner's password.
func (w *testServer) member(org license.ID, email string, role access.Role) {
	w.Helper()
	owner, err := w.s.data.Store.MemberByEmail(w.Context(), "owner@acme.test")
	if err != nil {
		w.Fatal(err)
	}
	m := access.Member{ID: randomID(), Organisation: org, Email: email, Name: string(role), Role: role, Password: owner.Password}
	if m.Organisation == "" {
		m.Organisation = owner.Organisation
	}
	if err := w.s.data.Store.CreateMember(w.Context(), m); err != nil {
		w.Fatal(err)
	}
}

func randomID() license.ID { return license.ID(fmt.Sprintf("%024x", idCounter.Add(1))) }

var idCounter atomic.Int64

func (w *testServer) login(email string) *user {
	w.Helper()
	p := w.anonymous()
	p.must(http.StatusCreated, "POST", "/session", map[string]string{"email": email, "password": password})
	return p
}

// reply is what came back.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// do sends a request under the API's prefix as a page would.
func (p *user) do(method, path string, body any) reply {
	p.w.Helper()
	return p.doWithHeaders(nil, method, path, body)
}

// doWithHeaders sends a request with more headers than a page would.
func (p *user) doWithHeaders(more map[string]string, method, path string, body any) reply {
	p.w.Helper()
	header := http.Header{}
	for name, value := range more {
		header.Set(name, value)
	}
	if p.csrf != "" && method != "GET" {
		header.Set("X-CSRF-Token", p.csrf)
	}
	if p.bearer != "" {
		header.Set("Authorization", "Bearer "+p.bearer)
	}
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
		header.Set("Content-Type", "application/json")
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			p.w.Fatal(err)
		}
		header.Set("Content-Type", "application/json")
	}
	r := p.send(method, api.Prefix+path, header, text)
	var session struct {
		CSRF string `json:"csrf_token"`
	}
	if (strings.HasPrefix(path, "/se") || path == "/join") && json.Unmarshal(r.body, &session) == nil && session.CSRF != "" {
		p.csrf = session.CSRF
	}
	return r
}

func (p *user) send(method, path string, header http.Header, body []byte) reply {
	p.w.Helper()
	request, err := http.NewRequestWithContext(p.w.Context(), method, p.w.url+path, bytes.NewReader(body))
	if err != nil {
		p.w.Fatal(err)
	}
	request.Header = header
	response, err := p.browser.Do(request)
	if err != nil {
		p.w.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.w.Fatal(err)
	}
	// No answer to anybody, good or bad, holds a secret.
	for _, secret := range []string{password, "argon2", "PRIVATE KEY", "goroutine", ".go:"} {
		if strings.Contains(string(text), secret) {
			p.w.Errorf("%s %s tells %q: %s", method, path, secret, text)
		}
	}
	r := reply{p.w.T, response.StatusCode, response.Header, text}
	p.w.checkAudited(method, path, r)
	p.w.checkDocumented(method, path, r)
	return r
}

// must wants a status and gives the answer as a map.
func (p *user) must(status int, method, path string, body any) map[string]any {
	p.w.Helper()
	r := p.do(method, path, body)
	if r.status != status {
		p.w.Fatalf("%s %s: %d, want %d: %s", method, path, r.status, status, r.body)
	}
	if len(r.body) == 0 {
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(r.body, &m); err != nil {
		p.w.Fatalf("%s %s: %v: %s", method, path, err, r.body)
	}
	return m
}

// decode reads a good answer.
func (r reply) decode(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil || r.status >= 300 {
		r.t.Errorf("%d %v: %s", r.status, err, r.body)
	}
}

// wantProblem wants a well-formed problem with the status and code.
func (r reply) wantProblem(status int, code string) problemDocument {
	r.t.Helper()
	p := r.problem()
	if p.Status != status || p.Code != code {
		r.t.Errorf("got %d %s, want %d %s: %s", p.Status, p.Code, status, code, r.body)
	}
	return p
}

type problemDocument struct {
	Type, Title, Detail, Code string
	Status                    int
	Errors                    []struct{ Field, Detail string }
}

// problem checks the form that every refusal has.
func (r reply) problem() (p problemDocument) {
	r.t.Helper()
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		r.t.Errorf("content type %q of %d %s", got, r.status, r.body)
	}
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		r.t.Errorf("%v: %s", err, r.body)
	}
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Code == "" || p.Status != r.status {
		r.t.Errorf("status %d, incomplete: %s", r.status, r.body)
	}
	return p
}
