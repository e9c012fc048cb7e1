package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/mongo"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// The stores.
const (
	embedded = "embedded"
	mongodb  = "mongodb"
)

// benchServer is a whole server with its catalogue, on a loopback port.
type benchServer struct {
	kind    storeKind
	config  server.Config
	server  *server.Server
	served  chan error
	address string
	owner   owner

	product, version license.ID
	keyring          lease.Hash
	keys             license.Keyring
	counted          license.ID         // the license on which calls are counted and installations activated
	pools            map[int]license.ID // by size
}

// openBenchServer sets a server up over HTTP, then stops it to fill its pools, which takes the store to itself, and starts it again.
func openBenchServer(name string, o settings) (w *benchServer, err error) {
	w = &benchServer{pools: map[int]license.ID{}}
	if w.config.Data, err = os.MkdirTemp("", "onelicense-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	switch name {
	case embedded:
		w.kind = embeddedStore
	case mongodb:
		if o.mongo == "" {
			return nil, errors.New("TEST_MONGODB_URI names none")
		}
		w.kind = mongoStore()
		w.config.Mongo = uriWithDatabase(o.mongo, fmt.Sprintf("onelicense_bench_%d", os.Getpid()))
	default:
		return nil, errors.New("there is no such store")
	}
	if err := w.start(); err != nil {
		return nil, err
	}
	if err := w.catalogue(w.kind.pools(o.pools)); err != nil {
		return nil, err
	}
	if err := w.stop(); err != nil {
		return nil, err
	}
	if err := w.fill(); err != nil {
		return nil, err
	}
	return w, w.start()
}

func (w *benchServer) start() (err error) {
	if w.server, err = server.Open(w.config); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.address, w.owner.address = l.Addr().String(), l.Addr().String()
	w.served = make(chan error, 1)
	go func() { w.served <- w.server.Serve(l) }()
	return nil
}

func (w *benchServer) stop() error {
	if w.server == nil {
		return nil
	}
	err := w.server.Close()
	if w.served != nil {
		err = errors.Join(err, <-w.served)
	}
	w.server, w.served = nil, nil
	return err
}

func (w *benchServer) close() {
	_ = w.stop()
	_ = os.RemoveAll(w.config.Data)
}

// catalogue makes what a vendor makes.
func (w *benchServer) catalogue(pools []int) error {
	setup, err := url.Parse(w.server.SetupURL(address(w.address)))
	if err != nil {
		return err
	}
	if err := w.owner.setUp(setup.Query().Get("token")); err != nil {
		return err
	}
	product, err := w.owner.make("/products", map[string]any{"name": "bench"})
	if err != nil {
		return err
	}
	version, err := w.owner.make("/products/"+product+"/versions", map[string]any{"name": "1", "policy": map[string]any{
		"type": "calls", "trigger": "every_call", "interval_ms": 3600_000, "max_retries": 3, "grace_ms": 3600_000,
		"activation_limit": 1_000_000_000}})
	if err != nil {
		return err
	}
	w.product, w.version = license.ID(product), license.ID(version)
	sell := func(slots int) (license.ID, error) {
		id, err := w.owner.make("/versions/"+version+"/licenses",
			map[string]any{"name": fmt.Sprintf("%d seats", slots), "contexts": []string{"ui"},
				"entitlements": []map[string]any{{"name": seat.Entitlement, "slots": slots}}, "allowance": int64(1) << 50})
		return license.ID(id), err
	}
	if w.counted, err = sell(1); err != nil {
		return err
	}
	for _, size := range pools {
		if w.pools[size], err = sell(size); err != nil {
			return err
		}
	}
	return nil
}

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

// fill lets others hold the pools' seats, and makes licenses to be listed. It comes straight to the store: that is not measured.
func (w *benchServer) fill() (err error) {
	var s interface {
		licensing.Store
		Close() error
	}
	if w.config.Mongo == "" {
		s, err = sqlite.Open(w.config.Data)
	} else {
		s, err = mongo.Open(context.Background(), w.config.Mongo)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	terms, err := s.LicenseContext(context.Background(), w.counted)
	if err != nil {
		return err
	}
	w.keyring = lease.HashOf(terms.Product.Keyring)
	if w.keys, err = pgp.Parse(terms.Product.Keyring); err != nil {
		return err
	}
	if err := createLicenses(s, terms.License); err != nil {
		return err
	}
	for size, id := range w.pools {
		l := terms.License
		l.ID = id
		if err := fillPool(s, l, size); err != nil {
			return fmt.Errorf("filling a pool of %d: %w", size, err)
		}
	}
	return nil
}

func (w *benchServer) installation(http *fasthttp.HostClient, of license.ID) *installation {
	return newInstallation(licenseValues{w.product, w.version, of, w.keyring, w.keys}, http, prefix+"/sync")
}

// uriWithDatabase puts a database's name into a URI.
func uriWithDatabase(uri, name string) string {
	rest, query, _ := strings.Cut(uri, "?")
	scheme, rest, _ := strings.Cut(rest, "://")
	authority, _, _ := strings.Cut(rest, "/")
	return strings.TrimSuffix(scheme+"://"+authority+"/"+name+"?"+query, "?")
}
