// Package server is the whole server in one value: it joins store, issuer, domain, protocol and management API, and nothing else in the
// program does.
//
//	s, err := server.Open(server.Config{Data: "/var/lib/onelicense"})
//	…
//	go s.Serve(listener)
//	…
//	s.Close()
//
// One process holds a data directory at a time.
package server

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/api"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/licensing/services"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/metrics"
	"github.com/onelicense/onelicense/server/notify"
	"github.com/onelicense/onelicense/server/oidc"
	"github.com/onelicense/onelicense/server/protocol"
	"github.com/onelicense/onelicense/server/traces"
)

// Config is what a server needs to know. Only Data must be given.
type Config struct {
	Data      string           // directory of the master key, and of the database unless it is MongoDB; made if there is none
	Mongo     string           // mongodb:// address of the database; empty: the embedded one, in Data
	PublicURL string           // how browsers and programs reach the server, when not at its own address
	Log       *slog.Logger     // nil: no log
	Now       func() time.Time // nil: time.Now
	Mailer    access.Mailer    // nil: SMTP's; without that no mail is sent, and whoever makes a link for somebody passes it on

	ReadTimeout, WriteTimeout, IdleTimeout time.Duration // of a connection; 0: 15 s, 15 s and 2 min

	SyncRateAddress, SyncRateLicense int           // requests per second of programs, of one address and for one license; 0: no limit
	SyncRateBurst                    time.Duration // for how long the rates can be saved up

	Metrics *metrics.Metrics // nil: nothing is counted
	Traces  *traces.Tracer   // nil: nothing is traced

	MasterKey         masterkey.Source // nil: the file master.key in Data, which is made there at first
	PreviousMasterKey masterkey.Source // nil: none; what is sealed under it is opened, and sealed anew under the present one

	TLSCertificate, TLSKey string         // files in PEM; empty: no TLS
	TrustedProxies         []netip.Prefix // whose word on a client's address is believed

	AllowPrivateAddresses bool // webhooks and providers of logins may be at private addresses, and webhooks without TLS
	SMTP                  SMTP // takes our mail; without a host none is sent

	wrapStore func(store) store // of tests, which put faults between the server and its store
}

// shutdownTimeout is how long requests under way may take when the server stops.
const shutdownTimeout = 10 * time.Second

// Server is an open server. It serves once.
type Server struct {
	config     Config
	store      store
	access     *access.Service
	audit      *audit.Log
	notify     *notify.Service
	domain     *services.Services
	app        *fiber.App
	routes     []api.Route
	setupToken string
	jobs       jobs
	gcBallast  []byte

	instrumentation instrumentation
	tls             *tls.Config // nil: none
	draining        atomic.Bool

	mu       sync.Mutex
	listener *trackingListener
	closed   bool
}

// Open checks the settings, opens the data directory and makes everything ready. In an empty directory it makes the master key, which is
// to be kept apart from the backups of the database: who has both has the products' private keys.
func Open(c Config) (*Server, error) {
	if c.Data == "" {
		return nil, errors.New("no data directory is set")
	}
	if err := config.CheckPublicURL(c.PublicURL); err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Log = slog.New(requestIDHandler{c.Log.Handler()})
	if c.Now == nil {
		c.Now = time.Now
	}
	secured, err := tlsConfig(c)
	if err != nil {
		return nil, err
	}
	store, master, err := openStore(context.Background(), c)
	if err != nil {
		return nil, err
	}
	watch := instrumentation{c.Metrics, c.Traces}
	store = watch.wrapStore(store)
	if c.wrapStore != nil {
		store = c.wrapStore(store)
	}
	s := &Server{config: c, store: store, tls: secured, instrumentation: watch, audit: audit.New(store, c.Now, c.Log), gcBallast: gcBallast()}
	if err := s.wire(master); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	s.startJobs()
	return s, nil
}

// wire makes the parts and connects them.
func (s *Server) wire(master []byte) error {
	ctx := context.Background()
	keys, secret, err := s.config.openKeys(ctx, s.store, master)
	if err != nil {
		return err
	}
	sealing, err := hkdf.Key(sha256.New, secret, nil, "onelicense/notify/1", 32)
	if err != nil {
		return err
	}
	s.notify = notify.New(notify.Config{
		Store: s.store, Key: sealing, Now: s.config.Now, Log: s.config.Log, AllowPrivate: s.config.AllowPrivateAddresses, OnDelivered: s.auditEvent,
		SMTP: s.config.SMTP, Recipients: s.recipients, URL: strings.TrimSuffix(s.config.PublicURL, "/"),
	})
	s.audit.OnInterrupted = s.reportInterrupted
	domain, err := newLicensing(s.store, keys, secret, s.config.Now, s.notify)
	if err != nil {
		return err
	}
	s.domain = domain
	answers, err := hkdf.Key(sha256.New, secret, nil, "onelicense/answers/1", 32)
	if err != nil {
		return err
	}
	if err := s.reencryptKeys(ctx); err != nil {
		return err
	}
	sealer, err := issuer.NewSealer(secret)
	if err != nil {
		return err
	}
	s.access = access.New(s.store, access.Options{Clock: s.config.Now, Log: s.config.Log, URL: s.currentURL, Mailer: s.mailer(), Sealer: sealer,
		Provider: oidc.New(s.config.Now, s.config.Log, *notify.NewClient(s.config.AllowPrivateAddresses))})
	if s.setupToken, err = s.access.NewSetupToken(ctx); err != nil {
		return fmt.Errorf("making the setup token: %w", err)
	}
	s.app = newApp(s)
	s.registerHealth()
	if err := s.registerPages(); err != nil {
		return err
	}
	s.app.Get("/setup", s.setupPage)
	for path := range linkPages {
		s.app.Get(path, s.linkPage)
	}
	protocol.Register(s.app.Group(api.Prefix), s.rateLimited(s.instrumentation.wrapService(protocol.Join(domain.Leasing, domain.Keys))), s.config.Log)
	management := api.Register(s.app, api.Config{
		Access: s.access, Catalogue: domain.Catalogue, Leasing: domain.Leasing, Keys: domain.Keys, Events: domain.Events, Audit: s.audit, Notify: s.notify, Log: s.config.Log, Secure: s.usesTLS(),
		Entries: s.store, Secret: answers, Now: s.config.Now,
	})
	s.routes = management.Routes()
	s.setRequestLimits(management)
	return nil
}

// newLicensing joins the domain with its store and its issuer.
func newLicensing(store store, keys *issuer.Issuer, secret []byte, now func() time.Time, tell events.Sink) (*services.Services, error) {
	challenges, err := hkdf.Key(sha256.New, secret, nil, "onelicense/challenges/1", 32)
	if err != nil {
		return nil, err
	}
	return services.New(store, keys, services.Options{Clock: now, Secret: challenges, Events: tell}), nil
}

// usesTLS tells whether browsers reach the server by TLS, its own or a proxy's.
func (s *Server) usesTLS() bool {
	return s.tls != nil || strings.HasPrefix(s.config.PublicURL, "https:")
}

// Serve answers what comes in at the listener until Close. It closes the listener.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed { // before it began: that is an end like any other
		s.mu.Unlock()
		return l.Close()
	}
	if s.listener != nil {
		s.mu.Unlock()
		return errors.Join(errors.New("the server is serving already"), l.Close())
	}
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
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

// Drain makes /readyz say that no more requests should be sent here. All that come are answered until Close.
func (s *Server) Drain() { s.draining.Store(true) }

// Close lets the requests under way finish, takes no more, and closes the store.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	l := s.listener
	s.mu.Unlock()
	var errs []error
	if l != nil {
		l.closeUnused()
		if err := s.app.ShutdownWithTimeout(shutdownTimeout); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("waiting for the last requests: %w", err))
		}
		// Serve may not have reached the point from which Shutdown knows of the listener.
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.jobs.stopAndWait()
	s.access.Wait()
	if err := s.flushAudit(context.Background()); err != nil {
		s.config.Log.Error("lines are missing in the audit log", "error", err)
	}
	return errors.Join(append(errs, s.store.Close())...)
}

// URL is where the server is reached: its public address, or the one of its listener.
func (s *Server) URL(l net.Addr) string {
	if s.config.PublicURL != "" {
		return strings.TrimSuffix(s.config.PublicURL, "/")
	}
	scheme := "http://"
	if s.tls != nil {
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

// currentURL is URL while the server serves.
func (s *Server) currentURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.PublicURL == "" && s.listener == nil {
		return ""
	}
	var at net.Addr
	if s.listener != nil {
		at = s.listener.Addr()
	}
	return s.URL(at)
}

// SetupURL is the one-time link to make the first owner; empty when there was one at the start.
func (s *Server) SetupURL(l net.Addr) string {
	if s.setupToken == "" {
		return ""
	}
	return s.URL(l) + "/setup?token=" + s.setupToken
}

func (s *Server) listenerAddress() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listener.Addr()
}
