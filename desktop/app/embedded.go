package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"

	"github.com/onelicense/onelicense/server"
)

// Embedded is the value of the server setting for the server in this program.
const Embedded = "embedded"

// programsAddress is the address at which programs on this machine reach the embedded server. It is fixed because programs are built with
// it; it is the default of `onelicense serve`, which this server replaces.
const programsAddress = "127.0.0.1:4000"

// openEmbedded opens the server in this program. At the first start it creates the owner's account.
func openEmbedded(ctx context.Context, dir string, s *settings, log *slog.Logger) (*backend, error) {
	outer := listenForPrograms(ctx, s.Listen, log)
	d := newDualListener(outer)
	config := server.Config{Data: filepath.Join(dir, "server"), Log: log.WithGroup("server")}
	inner, err := server.Open(config)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the server in this program: %w", err), d.Close())
	}
	served := make(chan error, 1)
	go func() { served <- inner.Serve(d) }()

	transport := &http.Transport{DialContext: d.dialInProcess}
	b := newBackend(&url.URL{Scheme: "http", Host: "localhost"}, transport, log)
	b.embedded = true
	b.address = inner.URL(d.Addr())
	b.close = sync.OnceValue(func() error {
		transport.CloseIdleConnections()
		return errors.Join(inner.Close(), <-served)
	})
	b.account = &localAccount{password: passwordStore{dir: dir, settings: s, log: log}}
	if setup := inner.SetupURL(d.Addr()); setup != "" {
		if err := b.account.create(ctx, b, setup); err != nil {
			return nil, errors.Join(fmt.Errorf("creating the owner of the server in this program: %w", err), b.close())
		}
	}
	return b, nil
}

// listenForPrograms opens the listener for licensed programs on this machine. If it fails, it returns nil: the window works without it.
func listenForPrograms(ctx context.Context, address string, log *slog.Logger) net.Listener {
	if address == "" {
		address = programsAddress
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		log.Warn("programs do not reach this server at its usual address", "address", address, "error", err)
		l, err = listen.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		log.Warn("programs do not reach this server", "error", err)
		return nil
	}
	log.Info("programs reach this server", "address", l.Addr().String())
	return l
}
