package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// verifyEvery is one in how many leases a client verifies; all of them would measure the loader.
const verifyEvery = 16

// licenseValues holds the ids that a program is configured with, and the product's keys.
type licenseValues struct {
	product, version, license license.ID
	keyring                   lease.Hash
	keys                      license.Keyring
}

// installation is one client: a device key and a chain of its own.
type installation struct {
	licenseValues
	http     *fasthttp.HostClient
	path     string
	canned   bool // the answers are always the same: there is nothing to compare
	device   ed25519.PrivateKey
	position lease.Position
	counted  int64
	last     []byte
	pending  *request // sent, and not answered yet
	seated   bool     // between the halves of a cycle
	asked    int
}

type request struct {
	lease.Request
	body []byte
}

func connection(address string, clients int) *fasthttp.HostClient {
	return &fasthttp.HostClient{Addr: address, MaxConns: clients}
}

func newInstallation(s licenseValues, http *fasthttp.HostClient, path string) *installation {
	_, device, _ := ed25519.GenerateKey(nil) // the system's random source does not fail
	return &installation{licenseValues: s, http: http, path: path, device: device, position: lease.Position{Link: lease.OriginLink}}
}

// sync makes one exchange. The lease is given when it is one of those that are verified. What was not answered is sent again, byte for
// byte, in the place of a new request.
func (c *installation) sync(fill func(*lease.Request)) (*lease.Lease, error) {
	if c.pending == nil {
		c.pending = c.request(fill)
	}
	r := c.pending
	answer, err := c.send(r.body)
	if err != nil {
		return nil, err
	}
	c.pending, c.last = nil, answer
	document := r.body[:len(r.body)-len("\n")-base64Signature-len("\n")]
	c.position = lease.Position{Generation: 1, Number: r.Number, Link: lease.NextLink(r.Previous, lease.HashOf(document))}
	c.counted = r.Counted
	if c.asked++; c.asked%verifyEvery != 0 {
		return nil, nil
	}
	a, err := lease.Open(c.last, c.keys, time.Now())
	switch {
	case err != nil:
		return nil, err
	case c.canned:
		return nil, nil
	case a.Lease == nil || a.Lease.Position() != c.position || a.Lease.Counters.Counted != c.counted:
		return nil, fmt.Errorf("a wrong answer: %s", c.last)
	}
	return a.Lease, nil
}

func (c *installation) request(fill func(*lease.Request)) *request {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	r := &request{Request: lease.Request{
		Product: c.product, Version: c.version, License: c.license, Nonce: hex.EncodeToString(nonce[:]), Generation: 1,
		Number: c.position.Number + 1, Previous: c.position.Link, Time: lease.Time(time.Now().UnixMilli()), Counted: c.counted,
		Keyring: c.keyring,
		Lease:   string(c.last),
	}}
	fill(&r.Request)
	r.body = r.Sign(c.device)
	return r
}

const base64Signature = 88 // of an Ed25519 signature

func (c *installation) send(body []byte) ([]byte, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod("POST")
	request.SetRequestURI("http://" + c.http.Addr + c.path)
	request.SetBodyRaw(body)
	if err := c.http.Do(request, response); err != nil {
		return nil, err
	}
	if response.StatusCode() != fasthttp.StatusOK {
		return nil, fmt.Errorf("HTTP %d: %.300s", response.StatusCode(), response.Body())
	}
	return append(c.last[:0], response.Body()...), nil
}

// task makes the installation ready for its work. The first exchanges activate and warm up, unmeasured.
func (c *installation) task(do func(*installation) (int, error)) (task, error) {
	for range 2 {
		if _, err := c.sync(func(*lease.Request) {}); err != nil {
			return nil, err
		}
	}
	return func() (int, error) { return do(c) }, nil
}

// syncOnce reports one call.
func syncOnce(c *installation) (int, error) {
	_, err := c.sync(func(r *lease.Request) { r.Counted++ })
	return 0, err
}

// activate is the first exchange of a new installation.
func activate(c *installation) (int, error) {
	_, err := c.sync(func(*lease.Request) {})
	return 0, err
}

var (
	seat   = lease.Slot{Entitlement: "seat", Context: "ui"}
	denied = []byte(`"denied":[`)
)

// reserveAndRelease takes a seat and gives it back. Where there are more clients than seats some are denied one.
func reserveAndRelease(c *installation) (refused int, err error) {
	if !c.seated {
		l, err := c.sync(func(r *lease.Request) { r.Want = []lease.ReservationRequest{{Slot: seat}} })
		if err != nil {
			return 0, err
		}
		c.seated = true
		if bytes.Contains(c.last, denied) {
			refused = 1
		}
		if l != nil && len(l.Reservations) != 1-refused {
			return refused, fmt.Errorf("it holds %+v and was denied %+v", l.Reservations, l.Denied)
		}
	}
	l, err := c.sync(func(r *lease.Request) { r.Drop = []lease.Slot{seat} })
	if err != nil {
		return refused, err
	}
	c.seated = false
	if l != nil && len(l.Reservations) != 0 {
		return refused, fmt.Errorf("still held: %+v", l.Reservations)
	}
	return refused, nil
}
