// Package servertest runs a whole server on loopback for tests, with a clock that the test moves by hand.
//
//	s := servertest.Start(t)
//	owner := s.Owner()
//	product := owner.Must(http.StatusCreated, "POST", "/products", map[string]any{"name": "Modeler"})
//
// The tests speak HTTP to it, as pages and programs do. It is for tests of any package above the server's parts.
package servertest

import (
	"bytes"
	"fmt"
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
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/store"
)

// Server is a running server. A failed request ends the test.
type Server struct {
	testing.TB
	*server.Server
	Config server.Config // as it was opened

	URL        string   // base URL of the listener
	Addr       net.Addr // of the listener
	Dir        string   // data directory
	SetupToken string   // creates the first owner; empty when there is one
	Store      store.Store
	Clock      *Clock
	Log        *Log

	// OnReply, if set, is called with every reply that a User receives, before the test sees it.
	OnReply func(method, path string, r Reply)

	StoreClosed bool // the test has closed the store, so that closing the server fails
}

// Option changes how Start opens a server.
type Option func(*server.Config)

// WithConfig opens the server with a configuration. Start sets its Now and Log, and its Data if that is empty.
func WithConfig(c server.Config) Option { return func(o *server.Config) { *o = c } }

// WithData opens the server on a data directory, such as one that another server has left.
func WithData(directory string) Option { return func(o *server.Config) { o.Data = directory } }

// Start opens a server in a temporary directory, serves it on a free port of 127.0.0.1, and closes it when the test ends.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	var c server.Config
	for _, option := range options {
		option(&c)
	}
	s := &Server{TB: t, Clock: &Clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}, Log: &Log{}}
	if c.Data == "" {
		c.Data = filepath.Join(t.TempDir(), "data")
	}
	c.Now = s.Clock.Now
	c.Log = slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	wrap := c.WrapStore
	c.WrapStore = func(opened store.Store) store.Store {
		if wrap != nil {
			opened = wrap(opened)
		}
		s.Store = opened
		return opened
	}
	s.Config, s.Dir = c, c.Data
	var err error
	if s.Server, err = server.Open(c); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Server.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Server.Close(); err != nil && !s.StoreClosed {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	s.Addr, s.URL = l.Addr(), "http://"+l.Addr().String()
	if c.TLSCertificate != "" {
		s.URL = "https://" + l.Addr().String()
	}
	_, s.SetupToken, _ = strings.Cut(s.Server.SetupURL(l.Addr()), "token=")
	return s
}

// Anonymous returns a user who is not logged in, with cookies of their own.
func (s *Server) Anonymous() *User {
	s.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	transport := &http.Transport{}
	s.Cleanup(transport.CloseIdleConnections)
	return &User{Server: s, Browser: http.Client{Jar: jar, Transport: transport}}
}

// Password is the password of everybody.
const Password = "correct horse battery"

// SetupBody returns the body of POST /setup for Owner.
func SetupBody(token string) map[string]string {
	return map[string]string{
		"token": token, "organisation": "Acme", "name": "Ada Owner", "email": "Owner@Acme.test", "password": Password,
	}
}

// Owner creates the organisation Acme with owner@acme.test and returns the owner, logged in.
func (s *Server) Owner() *User {
	s.Helper()
	u := s.Anonymous()
	u.Must(http.StatusCreated, "POST", "/setup", SetupBody(s.SetupToken))
	return u
}

// OtherOrganisation creates the organisation Rival with owner@rival.test and returns its owner, logged in.
func (s *Server) OtherOrganisation() *User {
	s.Helper()
	body := SetupBody(s.NewOrganisationToken())
	body["organisation"], body["email"] = "Rival", "owner@rival.test"
	u := s.Anonymous()
	u.Must(http.StatusCreated, "POST", "/setup", body)
	return u
}

// NewOrganisationToken returns a one-time token for creating another organisation.
func (s *Server) NewOrganisationToken() string {
	s.Helper()
	link, _, err := access.New(s.Store, access.Options{Clock: s.Clock.Now,
		URL: func() string { return s.URL }}).NewOrganisationLink(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	_, token, _ := strings.Cut(link, "?token=")
	return token
}

// AddMember adds a member with Password to an organisation; an empty id means the owner's.
func (s *Server) AddMember(organisation license.ID, email string, role access.Role) {
	s.Helper()
	owner, err := s.Store.MemberByEmail(s.Context(), "owner@acme.test")
	if err != nil {
		s.Fatal(err)
	}
	m := access.Member{ID: NewID(), Organisation: organisation, Email: email, Name: string(role), Role: role, Password: owner.Password}
	if m.Organisation == "" {
		m.Organisation = owner.Organisation
	}
	if err := s.Store.CreateMember(s.Context(), m); err != nil {
		s.Fatal(err)
	}
}

// NewID returns an id that no other record of this process has.
func NewID() license.ID { return license.ID(fmt.Sprintf("%024x", ids.Add(1))) }

var ids atomic.Int64

// Login returns a member, logged in with Password.
func (s *Server) Login(email string) *User {
	s.Helper()
	u := s.Anonymous()
	u.Must(http.StatusCreated, "POST", "/session", map[string]string{"email": email, "password": Password})
	return u
}

// WithToken returns a program that sends an API token.
func (s *Server) WithToken(secret string) *User {
	s.Helper()
	u := s.Anonymous()
	u.Bearer = secret
	return u
}

// Clock is a server's clock, moved by hand. It starts at 2030-01-02 03:04:05 UTC.
type Clock struct {
	// Broken makes Now panic, which is a bug in a handler to the server.
	Broken atomic.Bool

	mu  sync.Mutex
	now time.Time
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	if c.Broken.Load() {
		panic("the clock is broken")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, also back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Log holds what a server has logged at all levels.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String returns everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Tail returns the latest n bytes at most.
func (l *Log) Tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.b.Bytes()
	return string(b[max(0, len(b)-n):])
}
