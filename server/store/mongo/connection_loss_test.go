//go:build mongo

package mongo

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/server/licensing"
)

func TestUnreachableAtStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // nobody listens there now
	_, err = open(t.Context(), "mongodb://user:s3cret@"+address+"/onelicense?authSource=admin", shortTimeouts())
	if err == nil || !strings.HasPrefix(err.Error(), "MongoDB at "+address+" cannot be reached: ") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v", err)
	}
	t.Log(err)
}

func TestInvalidURI(t *testing.T) {
	for _, uri := range []string{"", "localhost:27017", "http://localhost", "mongodb://user:s3cret@", "mongodb://user:s3cret@host:99999999",
		"mongodb://user:s3cret@host/?w=-1"} {
		_, err := open(t.Context(), uri, shortTimeouts())
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// shortTimeouts returns options with which a request to a missing server fails soon.
func shortTimeouts() *options.ClientOptions {
	return options.Client().SetServerSelectionTimeout(200 * time.Millisecond).SetTimeout(2 * time.Second)
}

// cuttableProxy is a proxy between a store and the server that can cut the connections.
type cuttableProxy struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	cut      bool
	open     []net.Conn
}

func newCuttableProxy(t *testing.T, to string) *cuttableProxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &cuttableProxy{listener: l, to: to}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.join(c)
		}
	}()
	return w
}

func (w *cuttableProxy) join(near net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	far, err := net.Dial("tcp", w.to)
	if err != nil || w.cut {
		_ = near.Close()
		return
	}
	w.open = append(w.open, near, far)
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			_, _ = pair[0].Close(), pair[1].Close()
		}()
	}
}

func (w *cuttableProxy) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for _, c := range w.open {
		_ = c.Close()
	}
	w.open = nil
}

// proves S28
func TestConnectionLossIsUnavailable(t *testing.T) {
	uri := newDatabase(t)
	a, err := parseURI(uri)
	if err != nil || strings.Contains(a.hosts, ",") || a.user != "" || strings.HasPrefix(uri, "mongodb+srv") {
		t.Skip("the server given is not one address without a password, so nothing can be put in between")
	}
	c := newScene(t, uri)
	c.mustAdvance("a", "activates", reserves("seat"), countsCalls(1))
	w := newCuttableProxy(t, a.hosts)
	s, err := open(t.Context(), "mongodb://"+w.listener.Addr().String()+"/"+a.database+"?directConnection=true", shortTimeouts())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := c.advance("a", "next", countsCalls(1), reserves("desk"))
	w.set(true)
	for name, err := range map[string]error{
		"ready":   s.Ready(t.Context()),
		"advance": func() error { _, err := s.Advance(t.Context(), next); return err }(),
		"terms":   func() error { _, err := s.LicenseContext(t.Context(), c.license); return err }(),
	} {
		if !errors.Is(err, licensing.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.set(false)
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for attempt := 0; s.Ready(deadline) != nil; attempt++ {
		if err := backOff(deadline, attempt); err != nil {
			t.Fatal("the store does not recover")
		}
	}
	if _, err := s.Advance(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	c.checkSums()
}
