package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/protocol"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// world is a server with a product, on a loopback port, and the bare loop on another.
type world struct {
	directory string
	store     *sqlite.Store
	service   *licensing.Service
	apps      []*fiber.App
	bare      *bare
	url       string
	bareURL   string
	org       license.ID
	product   licensing.Product
	version   licensing.Version
	keys      license.Keyring
	licenses  map[string]licensing.License
	mu        sync.Mutex
}

func open() (w *world, err error) {
	w = &world{licenses: map[string]licensing.License{}}
	if w.directory, err = os.MkdirTemp("", "onelicense-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.store, err = sqlite.Open(filepath.Join(w.directory, "data")); err != nil {
		return nil, err
	}
	secrets := make([]byte, 64)
	if _, err := rand.Read(secrets); err != nil {
		return nil, err
	}
	keys, err := issuer.New(secrets[:32], nil)
	if err != nil {
		return nil, err
	}
	w.service = licensing.New(w.store, keys, licensing.Options{Epoch: 1, Secret: secrets[32:]})
	if err := w.catalogue(); err != nil {
		return nil, err
	}
	signer, err := keys.Signer(w.product.ID, w.product.Secret)
	if err != nil {
		return nil, err
	}
	if w.bare, err = openBare(filepath.Join(w.directory, "bare.db"), signer); err != nil {
		return nil, err
	}
	if w.url, err = w.serve(func(r fiber.Router) { protocol.Register(r, w.service, nil) }); err != nil {
		return nil, err
	}
	w.bareURL, err = w.serve(func(r fiber.Router) { r.Post("/sync", w.bare.handle) })
	return w, err
}

func (w *world) catalogue() error {
	ctx := context.Background()
	org, err := w.service.CreateOrganisation(ctx, "bench")
	if err != nil {
		return err
	}
	w.org = org.ID
	meta := licensing.Meta{Organisation: w.org}
	if w.product, err = w.service.CreateProduct(ctx, licensing.Product{Meta: meta, Name: "bench"}); err != nil {
		return err
	}
	if w.keys, err = pgp.Parse(w.product.Keyring); err != nil {
		return err
	}
	w.version, err = w.service.CreateVersion(ctx, licensing.Version{Meta: meta, Product: w.product.ID, Name: "1", Policy: licensing.Policy{
		Settings:        lease.Settings{Type: lease.Calls, Trigger: lease.EveryCall, Interval: 3600_000, MaxRetries: 3, Grace: 3600_000},
		ActivationLimit: 1_000_000_000,
	}})
	return err
}

// license is the license of a name, made when it is first asked for.
func (w *world) license(name string, slots int) (licensing.License, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l, ok := w.licenses[name]; ok {
		return l, nil
	}
	l, err := w.service.CreateLicense(context.Background(), licensing.License{Meta: licensing.Meta{Organisation: w.org}, Version: w.version.ID, Name: name,
		Contexts: []string{"ui"}, Entitlements: []license.Entitlement{{Name: "seat", Slots: slots}}, Allowance: lease.MaxCount})
	w.licenses[name] = l
	return l, err
}

// room is how many seats of a filled pool are left free, so that those who measure find one.
const room = 64

// fill makes a license with a pool and lets others hold all of it but room. The holders come straight to the store: they are not measured.
func (w *world) fill(name string, slots int) error {
	if _, ok := w.licenses[name]; ok {
		return nil
	}
	l, err := w.license(name, slots)
	if err != nil {
		return err
	}
	todo := make(chan int)
	errs := make(chan error, 64)
	for range cap(errs) {
		go func() {
			var failed error
			for n := range todo {
				if err := w.hold(l, n, slots); err != nil {
					failed = err
				}
			}
			errs <- failed
		}()
	}
	for n := range slots - room {
		todo <- n
	}
	close(todo)
	for range cap(errs) {
		if e := <-errs; e != nil {
			err = e
		}
	}
	return err
}

func (w *world) hold(l licensing.License, n, slots int) error {
	now := lease.Time(time.Now().UnixMilli())
	id := lease.HashOf(fmt.Appendf(nil, "holder %d", n))
	a := licensing.Advance{
		Key: licensing.ActivationKey{License: l.ID, Activation: id}, Org: w.org, To: lease.Position{Generation: 1, Number: 1, Link: id},
		Request: id, Device: string(id), Revision: l.Revision, Now: now, Charge: licensing.Charge{Allowance: licensing.Unlimited}, Until: now + 3600_000,
		Want:     []licensing.Want{{Slot: lease.Slot{Entitlement: "seat", Context: "ui"}, Slots: int64(slots), Until: now + 3600_000}},
		Activate: &licensing.Activate{Limit: 1 << 40, Window: 1000},
		Compose: func(o licensing.Outcome) (lease.Document, error) {
			if len(o.Reservations) != 1 {
				return nil, fmt.Errorf("holder %d has no seat", n)
			}
			return lease.Lease{Reservations: o.Reservations}.Document(), nil
		},
	}
	_, err := w.store.Advance(context.Background(), a)
	return err
}

// serve starts an HTTP server on a loopback port.
func (w *world) serve(register func(fiber.Router)) (string, error) {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 64 << 10, ReadTimeout: time.Minute, WriteTimeout: time.Minute})
	register(app)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	w.apps = append(w.apps, app)
	go func() { _ = app.Listener(listener) }()
	return listener.Addr().String(), nil
}

func (w *world) close() {
	for _, app := range w.apps {
		_ = app.ShutdownWithTimeout(time.Second)
	}
	if w.bare != nil {
		w.bare.close()
	}
	if w.store != nil {
		_ = w.store.Close()
	}
	_ = os.RemoveAll(w.directory)
}
