// Package server composes a whole server: data, licensing service, access control, notifications, HTTP and background jobs. It has no
// rules of its own.
//
//	s, err := server.Open(server.Config{Data: "/var/lib/onelicense"})
//	…
//	go s.Serve(listener)
//	…
//	s.Close()
//
// One process at a time holds a data directory.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/onelicense/onelicense/frontend"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/api"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/httpd"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing/services"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/notify"
	"github.com/onelicense/onelicense/server/oidc"
	"github.com/onelicense/onelicense/server/protocol"
	"github.com/onelicense/onelicense/server/store"
	"github.com/onelicense/onelicense/server/telemetry"
)

// Config configures a server. Only Data is required.
type Config struct {
	Data      string           // directory of the master key, and of the database unless Mongo is set; created if missing
	Mongo     string           // mongodb:// address of the database; empty: the embedded one, in Data
	PublicURL string           // how browsers and programs reach the server; empty: the address of its listener
	Log       *slog.Logger     // nil: no log
	Now       func() time.Time // nil: time.Now
	Mailer    access.Mailer    // nil: SMTP; without that no mail is sent, and one-time links are shown to those who create them

	ReadTimeout, WriteTimeout, IdleTimeout time.Duration // of a connection; 0: 15 s, 15 s and 2 min

	SyncRates httpd.SyncRates // of programs; the zero value sets no limit
	Telemetry telemetry.Telemetry

	MasterKey         masterkey.Source // nil: the file master.key in Data, created on first use
	PreviousMasterKey masterkey.Source // nil: none. It only decrypts; what it opens is encrypted again with MasterKey

	TLSCertificate, TLSKey string         // files in PEM; empty: plain HTTP
	TrustedProxies         []netip.Prefix // proxies whose X-Forwarded-For is believed

	AllowPrivateAddresses bool // allow webhooks and OIDC providers at private addresses, and webhooks without TLS
	SMTP                  SMTP // mail server; without a host no mail is sent

	WrapStore func(store.Store) store.Store // nil: none; tests inject faults between the server and its store with it
}

// SMTP is the server that delivers mail.
type SMTP = notify.SMTP

// Server is an open server. It serves once.
type Server struct {
	config     Config
	data       *data.Data
	access     *access.Service
	audit      *audit.Log
	notify     *notify.Service
	domain     *services.Services
	http       *httpd.Server
	setupToken string
	jobs       jobs
	closed     atomic.Bool
	gcBallast  []byte
}

// Open checks the settings, opens the data and composes everything. In an empty data directory it creates the master key. Keep a copy of
// that apart from the backups of the database: whoever has both has the products' private keys. It returns a config.SettingError when a
// setting is the cause; all other errors are about the data.
func Open(c Config) (*Server, error) {
	if c.Data == "" {
		return nil, errors.New("no data directory is set")
	}
	if err := config.CheckPublicURL(c.PublicURL); err != nil {
		return nil, err
	}
	c.Log = telemetry.NewLogger(c.Log)
	if c.Now == nil {
		c.Now = time.Now
	}
	tls, err := httpd.LoadTLS(c.TLSCertificate, c.TLSKey, c.Log)
	if err != nil {
		return nil, err
	}
	opened, err := data.Open(context.Background(), data.Options{
		Dir: c.Data, Mongo: c.Mongo, MasterKey: c.MasterKey, PreviousMasterKey: c.PreviousMasterKey,
		Wrap: func(s store.Store) store.Store {
			s = c.Telemetry.WrapStore(s)
			if c.WrapStore != nil {
				s = c.WrapStore(s)
			}
			return s
		},
	})
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, data: opened, audit: audit.New(opened.Store, c.Now, c.Log), gcBallast: newGCBallast()}
	err = s.wire(context.Background(), httpd.Options{
		Log: c.Log, Telemetry: c.Telemetry, TLS: tls, PublicURL: c.PublicURL, TrustedProxies: c.TrustedProxies,
		ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout, IdleTimeout: c.IdleTimeout,
		SyncRates: c.SyncRates, Pages: frontend.Assets(), Ready: opened.Store.Ready, HasOwner: opened.Store.HasOwner,
	})
	if err != nil {
		return nil, errors.Join(err, opened.Store.Close())
	}
	s.startJobs()
	return s, nil
}

// wire creates the services and connects them. The HTTP options lack the services.
func (s *Server) wire(ctx context.Context, o httpd.Options) error {
	webhookKey, err := s.data.DeriveKey("notify")
	if err != nil {
		return err
	}
	s.notify = notify.New(notify.Config{
		Store: s.data.Store, Key: webhookKey, Now: s.config.Now, Log: s.config.Log, AllowPrivate: s.config.AllowPrivateAddresses,
		OnDelivered: s.auditEvent, SMTP: s.config.SMTP, Recipients: s.recipients, URL: strings.TrimSuffix(s.config.PublicURL, "/"),
	})
	s.audit.OnInterrupted = s.reportInterrupted
	if s.domain, err = s.data.Licensing(s.config.Now, s.notify); err != nil {
		return err
	}
	responseKey, err := s.data.DeriveKey("answers")
	if err != nil {
		return err
	}
	if err := s.data.ReencryptKeys(ctx, s.domain, s.config.Log); err != nil {
		return err
	}
	sealer, err := issuer.NewSealer(s.data.Secret)
	if err != nil {
		return err
	}
	s.access = access.New(s.data.Store, access.Options{
		Clock: s.config.Now, Log: s.config.Log, Mailer: s.mailer(), Sealer: sealer,
		URL:      func() string { return s.http.CurrentURL() },
		Provider: oidc.New(s.config.Now, s.config.Log, *notify.NewClient(s.config.AllowPrivateAddresses)),
	})
	if s.setupToken, err = s.access.NewSetupToken(ctx); err != nil {
		return fmt.Errorf("creating the setup token: %w", err)
	}
	o.Sync = protocol.Join(s.domain.Leasing, s.domain.Keys)
	o.API = api.Config{
		Access: s.access, Catalogue: s.domain.Catalogue, Leasing: s.domain.Leasing, Keys: s.domain.Keys, Events: s.domain.Events,
		Audit: s.audit, Notify: s.notify, Log: s.config.Log,
		Entries: s.data.Store, Secret: responseKey, Now: s.config.Now,
	}
	s.http, err = httpd.New(o)
	return err
}

// Serve answers the connections of a listener until Close, and closes the listener. It returns nil after Close.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Drain makes /readyz report that no more requests should be sent here. Requests are answered until Close.
func (s *Server) Drain() { s.http.Drain() }

// Close stops accepting connections, waits for the requests under way, at most 10 seconds, and closes the store. Later calls do nothing.
func (s *Server) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	err := s.http.Shutdown()
	s.jobs.stopAndWait()
	s.access.Wait()
	if err := s.flushAudit(context.Background()); err != nil {
		s.config.Log.Error("the audit log lacks entries", "error", err)
	}
	return errors.Join(err, s.data.Store.Close())
}

// URL returns the server's base URL without a trailing slash: its public address, or the address of a listener.
func (s *Server) URL(l net.Addr) string { return s.http.URL(l) }

// SetupURL returns the one-time link for creating the first owner; empty when the server had one when it was opened.
func (s *Server) SetupURL(l net.Addr) string {
	if s.setupToken == "" {
		return ""
	}
	return s.URL(l) + "/setup?token=" + s.setupToken
}

// Routes returns the routes of the management API.
func (s *Server) Routes() []api.Route { return s.http.Routes() }
