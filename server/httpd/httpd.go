// Package httpd serves HTTP: the framework's app with its limits, TLS, addresses behind proxies, the pages, health checks, and the routes
// of protocol and management API.
//
// Start with New, then Serve. LoadTLS makes Options.TLS of certificate files.
package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/server/api"
	"github.com/onelicense/onelicense/server/protocol"
	"github.com/onelicense/onelicense/server/telemetry"
)

// Options configures a Server. Log, Ready, HasOwner, Sync and API are required.
type Options struct {
	Log       *slog.Logger // from telemetry.NewLogger, so that records carry the request's id
	Telemetry telemetry.Telemetry

	TLS            *tls.Config    // nil: plain HTTP
	PublicURL      string         // how browsers and programs reach the server; empty: the address of its listener
	TrustedProxies []netip.Prefix // proxies whose X-Forwarded-For and traceparent are believed

	ReadTimeout, WriteTimeout, IdleTimeout time.Duration // of a connection; 0: 15 s, 15 s and 2 min

	SyncRates SyncRates
	Pages     fs.FS // the built frontend

	Ready    func(context.Context) error         // returns why the server cannot take requests, or nil
	HasOwner func(context.Context) (bool, error) // reports whether the server has an organisation

	Sync protocol.Service // answers programs
	API  api.Config       // the management API; New sets Secure
}

// shutdownTimeout bounds how long requests under way may take when the server stops.
const shutdownTimeout = 10 * time.Second

// Server answers HTTP requests. It serves once.
type Server struct {
	options  Options
	app      *fiber.App
	routes   []api.Route
	draining atomic.Bool

	mu       sync.Mutex
	listener *trackingListener
	closed   bool
}

// New registers all routes. It returns an error when the pages cannot be read.
func New(o Options) (*Server, error) {
	s := &Server{options: o}
	s.app = s.newApp()
	s.registerHealth()
	if err := s.registerPages(s.app, o.Pages); err != nil {
		return nil, err
	}
	s.registerLandingPages()
	protocol.Register(s.app.Group(api.Prefix), s.rateLimited(o.Telemetry.WrapService(o.Sync)), o.Log)
	o.API.Secure = s.usesTLS()
	management := api.Register(s.app, o.API)
	s.routes = management.Routes()
	s.setRequestLimits(management)
	return s, nil
}

// Routes returns the routes of the management API.
func (s *Server) Routes() []api.Route { return s.routes }

// usesTLS reports whether browsers reach the server by TLS, its own or a proxy's.
func (s *Server) usesTLS() bool {
	return s.options.TLS != nil || strings.HasPrefix(s.options.PublicURL, "https:")
}

// Serve answers the connections of a listener until Shutdown, and closes the listener. It returns nil after a shutdown.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed { // before it served: a supervisor may stop the server while it starts
		s.mu.Unlock()
		return l.Close()
	}
	if s.listener != nil {
		s.mu.Unlock()
		return errors.Join(errors.New("the server is already serving"), l.Close())
	}
	if s.options.TLS != nil {
		l = tls.NewListener(l, s.options.TLS)
	}
	s.listener = trackListener(l)
	s.mu.Unlock()
	err := s.app.Listener(s.listener)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return err
}

// Drain makes /readyz report that no more requests should be sent here. Requests are answered until Shutdown.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown stops accepting connections and waits for the requests under way, at most 10 seconds. Later calls do nothing.
func (s *Server) Shutdown() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	l := s.listener
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	l.closeUnused()
	var errs []error
	if err := s.app.ShutdownWithTimeout(shutdownTimeout); err != nil && !errors.Is(err, net.ErrClosed) {
		errs = append(errs, fmt.Errorf("waiting for the last requests: %w", err))
	}
	// Serve may not have reached the point from which Shutdown knows of the listener.
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// URL returns the server's base URL: its public address, or the address of a listener. It does not end in a slash.
func (s *Server) URL(l net.Addr) string {
	if s.options.PublicURL != "" {
		return strings.TrimSuffix(s.options.PublicURL, "/")
	}
	scheme := "http://"
	if s.options.TLS != nil {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(l.String())
	if err != nil {
		return scheme + l.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + net.JoinHostPort(host, port)
}

// CurrentURL returns URL while the server serves; before that it returns the public address, which may be empty.
func (s *Server) CurrentURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return strings.TrimSuffix(s.options.PublicURL, "/")
	}
	return s.URL(s.listener.Addr())
}
