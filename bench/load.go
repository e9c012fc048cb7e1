package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// checked is one in how many leases a client verifies; all of them would measure the loader.
const checked = 16

// client is one installation.
type client struct {
	w        *world
	http     *fasthttp.HostClient
	device   ed25519.PrivateKey
	license  license.ID
	keyring  lease.Hash
	position lease.Position
	counted  int64
	last     []byte
	asked    int
}

// sync makes one exchange.
func (c *client) sync(fill func(*lease.Request)) (*lease.Lease, error) {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, err
	}
	r := lease.Request{
		Product: c.w.product.ID, Version: c.w.version.ID, License: c.license, Nonce: hex.EncodeToString(nonce[:]), Generation: 1,
		Number: c.position.Number + 1, Previous: c.position.Link, Time: lease.Time(time.Now().UnixMilli()), Counted: c.counted, Keyring: c.keyring,
		Lease: string(c.last),
	}
	fill(&r)
	body := r.Sign(c.device)
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod("POST")
	request.SetRequestURI("http://" + c.http.Addr + "/sync")
	request.SetBodyRaw(body)
	if err := c.http.Do(request, response); err != nil {
		return nil, err
	}
	if response.StatusCode() != 200 {
		return nil, fmt.Errorf("HTTP %d: %.300s", response.StatusCode(), response.Body())
	}
	c.last = append(c.last[:0], response.Body()...)
	document := body[:len(body)-len("\n")-base64Signature-len("\n")]
	c.position = lease.Position{Generation: 1, Number: r.Number, Link: lease.Next(r.Previous, lease.HashOf(document))}
	c.counted = r.Counted
	if c.asked++; c.asked%checked != 0 {
		return nil, nil
	}
	a, err := lease.Open(c.last, c.w.keys, time.Now())
	switch {
	case err != nil:
		return nil, err
	case a.Lease == nil || a.Lease.Position() != c.position || a.Lease.Counters.Counted != c.counted:
		return nil, fmt.Errorf("a wrong answer: %s", c.last)
	}
	return a.Lease, nil
}

const base64Signature = 88 // of an Ed25519 signature

// syncs reports one call.
func syncs(c *client) error {
	_, err := c.sync(func(r *lease.Request) { r.Counted++ })
	return err
}

// cycles takes a seat and gives it back.
func cycles(c *client) error {
	seat := lease.Slot{Entitlement: "seat", Context: "ui"}
	l, err := c.sync(func(r *lease.Request) { r.Want = []lease.Want{{Slot: seat}} })
	if err == nil && l != nil && len(l.Reservations) != 1 {
		err = fmt.Errorf("no seat: %+v", l.Denied)
	}
	if err != nil {
		return err
	}
	l, err = c.sync(func(r *lease.Request) { r.Drop = []lease.Slot{seat} })
	if err == nil && l != nil && len(l.Reservations) != 0 {
		err = fmt.Errorf("still held: %+v", l.Reservations)
	}
	return err
}

// prepare makes the clients of one row. Their first exchanges activate and warm up, unmeasured; two, so that those who cycle are even.
func (w *world) prepare(what string, clients int, address, name string, do func(*client) error) (*result, error) {
	l, err := w.license(name, 1_000_000)
	if err != nil {
		return nil, err
	}
	r := &result{what: what, do: do}
	host := &fasthttp.HostClient{Addr: address, MaxConns: clients}
	for range clients {
		_, device, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, err
		}
		c := &client{w: w, http: host, device: device, license: l.ID, keyring: lease.HashOf(w.product.Keyring), position: lease.Position{Link: lease.Origin}}
		for range 2 {
			if _, err := c.sync(func(*lease.Request) {}); err != nil {
				return nil, fmt.Errorf("%s: %w", what, err)
			}
		}
		r.clients = append(r.clients, c)
	}
	return r, nil
}

// turns is in how many parts the rows are measured: what else the machine does then weighs on all of them alike.
const turns = 6

// measure gives each row its time, turn by turn.
func measure(long time.Duration, rows ...*result) error {
	for range turns {
		for _, r := range rows {
			if err := r.run(long / turns); err != nil {
				return fmt.Errorf("%s: %w", r.what, err)
			}
		}
	}
	for _, r := range rows {
		slices.Sort(r.took)
	}
	return nil
}

// run lets the clients do their thing again and again, each waiting for its answer.
func (r *result) run(long time.Duration) (err error) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	begin := time.Now()
	for _, c := range r.clients {
		wait.Add(1)
		go func() {
			defer wait.Done()
			var took []time.Duration
			var failed error
			for failed == nil && time.Since(begin) < long {
				t := time.Now()
				failed = r.do(c)
				took = append(took, time.Since(t))
			}
			mu.Lock()
			defer mu.Unlock()
			r.took = append(r.took, took...)
			if failed != nil {
				err = failed
			}
		}()
	}
	wait.Wait()
	r.elapsed += time.Since(begin)
	return err
}

// result is one row of the report.
type result struct {
	what    string
	do      func(*client) error
	clients []*client
	took    []time.Duration
	elapsed time.Duration
}

func (r *result) rate() float64 { return float64(len(r.took)) / r.elapsed.Seconds() }

func (r *result) percentile(p float64) float64 {
	return float64(r.took[min(len(r.took)-1, int(p*float64(len(r.took))))]) / float64(time.Millisecond)
}

// print writes the row; of is the share of the bare loop, 0 for none.
func (r *result) print(of float64) {
	share := ""
	if of > 0 {
		share = fmt.Sprintf("%.0f %%", 100*of)
	}
	fmt.Printf("%-42s %8d %10.0f %9.2f %9.2f %9.2f %7s\n", r.what, len(r.clients), r.rate(), r.percentile(.5), r.percentile(.95), r.percentile(.99), share)
}
