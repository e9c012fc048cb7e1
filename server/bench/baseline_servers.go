package main

import (
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
)

// baselineServers are two servers to compare with: the bare loop, and a handler that does nothing, whose cost is the load generator's.
type baselineServers struct {
	directory string
	of        *baseline
	apps      []*fiber.App
	bare      string // address
	idle      string
	licenseValues
}

func startBaselineServers() (f *baselineServers, err error) {
	f = &baselineServers{}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	secret, err := pgp.Generate("bench", rand.Reader, time.Now())
	if err != nil {
		return nil, err
	}
	ids := license.ID("000000000000000000000001")
	f.licenseValues = licenseValues{ids, ids, ids, lease.HashOf(secret.Public().Certificate()), secret.Public()}
	if f.directory, err = os.MkdirTemp("", "onelicense-bench-"); err != nil {
		return nil, err
	}
	if f.of, err = openBaseline(filepath.Join(f.directory, "bare.db"), secret); err != nil {
		return nil, err
	}
	if f.bare, err = f.serve(f.of.handle); err != nil {
		return nil, err
	}
	canned, err := f.canned(secret)
	if err != nil {
		return nil, err
	}
	f.idle, err = f.serve(func(c *fiber.Ctx) error { return c.Send(canned) })
	return f, err
}

// canned is one answer, as large and as well signed as any.
func (f *baselineServers) canned(signer license.Signer) ([]byte, error) {
	now := time.Now()
	return baselineLease(&lease.Request{Product: f.product, License: f.license, Generation: 1, Number: 1,
		Nonce:    "00000000000000000000000000000000",
		Previous: lease.OriginLink, Counted: 1, Device: "device"}, lease.OriginLink, now).Sign(signer, now)
}

func (f *baselineServers) serve(handle fiber.Handler) (string, error) {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 64 << 10, ReadTimeout: time.Minute, WriteTimeout: time.Minute})
	app.Post("/sync", handle)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	f.apps = append(f.apps, app)
	go func() { _ = app.Listener(listener) }()
	return listener.Addr().String(), nil
}

func (f *baselineServers) installation(http *fasthttp.HostClient, canned bool) *installation {
	c := newInstallation(f.licenseValues, http, "/sync")
	c.canned = canned
	return c
}

func (f *baselineServers) close() {
	var errs []error
	for _, app := range f.apps {
		errs = append(errs, app.ShutdownWithTimeout(time.Second))
	}
	if f.of != nil {
		f.of.close()
	}
	_ = errors.Join(append(errs, os.RemoveAll(f.directory))...)
}
