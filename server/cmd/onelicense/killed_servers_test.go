package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
)

// The servers are behind a proxy that sends each request to the next one. One after another is killed at work and started again, while
// installations reserve seats, release them and count calls, and send the same bytes again until a lease answers them, as the client core
// does.

const (
	installations   = 12
	slots           = 5
	restartInterval = 60 // leases between two kills
	seatDuration    = 4  // leases for which an installation keeps its seat
)

// One server on the embedded store.
//
// proves S27, C14
func TestKilledServerLosesNothing(t *testing.T) {
	c := newCluster(t)
	c.add(filepath.Join(t.TempDir(), "data"))
	c.runUnderLoad(10, func(n *node) { c.kill(n); c.start(n) })
}

// cluster is a set of servers with a proxy in front.
type cluster struct {
	*testing.T
	environment []string
	proxy       *httptest.Server
	mu          sync.Mutex
	changed     *sync.Cond // signals that a node is up
	nodes       []*node
	next        int
}

type node struct {
	*serving
	data string
	url  *url.URL // nil while it is down
}

func newCluster(t *testing.T, environment ...string) *cluster {
	c := &cluster{T: t, environment: environment}
	c.changed = sync.NewCond(&c.mu)
	c.proxy = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(c.nextNode()) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	})
	t.Cleanup(c.proxy.Close)
	return c
}

// nextNode returns the next node that is up, and waits if there is none.
func (c *cluster) nextNode() *url.URL {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for range c.nodes {
			c.next = (c.next + 1) % len(c.nodes)
			if u := c.nodes[c.next].url; u != nil {
				return u
			}
		}
		c.changed.Wait()
	}
}

// add starts one more node.
func (c *cluster) add(data string) {
	c.Helper()
	n := &node{data: data}
	c.mu.Lock()
	c.nodes = append(c.nodes, n)
	c.mu.Unlock()
	c.start(n)
}

func (c *cluster) start(n *node) {
	c.Helper()
	n.serving = startServe(c.T, n.data, c.environment...)
	base, err := url.Parse(n.base)
	if err != nil {
		c.Fatal(err)
	}
	c.mu.Lock()
	n.url = base
	c.mu.Unlock()
	c.changed.Broadcast()
}

// kill ends a node as a power failure does. Its requests in progress fail, and so do those that arrive before its end is noticed.
func (c *cluster) kill(n *node) {
	c.Helper()
	_ = n.cmd.Process.Kill()
	exit := &exec.ExitError{}
	if err := n.cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		c.Fatalf("a node was not killed but ended: %v: %s", err, &n.log)
	}
	c.mu.Lock()
	n.url = nil
	c.mu.Unlock()
}

// testOwner is the vendor's session.
type testOwner struct {
	c            *cluster
	cookie, csrf string
}

func (o *testOwner) request(method, path string, body, into any) {
	o.c.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		o.c.Fatal(err)
	}
	request, err := http.NewRequestWithContext(o.c.Context(), method, o.c.proxy.URL+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		o.c.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-CSRF-Token", o.csrf)
	request.Header.Set("Cookie", o.cookie)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		o.c.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		o.c.Fatalf("%s %s: %s: %s %v", method, path, response.Status, answer, err)
	}
	for _, cookie := range response.Cookies() {
		o.cookie = cookie.Name + "=" + cookie.Value
	}
	if err := json.Unmarshal(answer, into); err != nil {
		o.c.Fatal(err)
	}
}

// testLicense is the license that all installations use.
type testLicense struct {
	product, version, license license.ID
	keys                      *pgp.Keyring
	hash                      lease.Hash
}

// createLicense creates the owner with the link of the node that was started last, and a product with a license.
func (o *testOwner) createLicense() (s testLicense) {
	o.c.Helper()
	var session struct {
		CSRF string `json:"csrf_token"`
	}
	o.request(
		"POST",
		"/setup",
		map[string]string{"token": o.c.nodes[len(o.c.nodes)-1].tokenIn(o.c.T), "organisation": "Acme", "name": "Ada",
			"email": "ada@acme.test", "password": "correct horse battery"},
		&session,
	)
	o.csrf = session.CSRF
	var made struct{ ID license.ID }
	o.request("POST", "/products", map[string]any{"name": "CAD"}, &made)
	s.product = made.ID
	o.request("POST", fmt.Sprintf("/products/%s/versions", s.product), map[string]any{"name": "1", "policy": map[string]any{
		"type": "calls", "trigger": "every_call", "interval_ms": 3600_000, "max_retries": 3, "grace_ms": 3600_000, "activation_limit": 1000,
		"max_machines": installations}}, &made)
	s.version = made.ID
	o.request(
		"POST",
		fmt.Sprintf("/versions/%s/licenses", s.version),
		map[string]any{"name": "site", "contexts": []string{"ui"}, "allowance": 1 << 40,
			"entitlements": []map[string]any{{"name": "seat", "slots": slots}}},
		&made,
	)
	s.license = made.ID
	armored := get(o.c.T, fmt.Sprintf("%s/api/v1/products/%s/public-keys", o.c.proxy.URL, s.product))
	var err error
	if s.keys, err = pgp.Parse([]byte(armored)); err != nil {
		o.c.Fatal(err)
	}
	s.hash = lease.HashOf(s.keys.Certificate())
	return s
}

// runUnderLoad changes one node after another, and then compares what is stored with what was acknowledged. It returns how many requests
// had to be sent again.
func (c *cluster) runUnderLoad(times int, change func(*node)) (resent int) {
	c.Helper()
	t := c.T
	vendor := &testOwner{c: c}
	of := vendor.createLicense()

	var leases, holders atomic.Int64
	answered, finished := make(chan struct{}, 1), make(chan struct{})
	apps, errs := make([]*loadClient, installations), make([]error, installations)
	var all sync.WaitGroup
	for n := range installations {
		apps[n] = newLoadClient(c.proxy.URL, of)
		all.Go(func() {
			errs[n] = apps[n].countAndReserve(finished, &holders, func() {
				leases.Add(1)
				select {
				case answered <- struct{}{}:
				default:
				}
			})
		})
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	for n := range times {
		for target := leases.Load() + restartInterval; leases.Load() < target; {
			select {
			case <-answered:
			case <-ended:
				t.Fatal(errors.Join(errs...))
			}
		}
		change(c.nodes[n%len(c.nodes)])
	}
	close(finished)
	<-ended
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}

	var counted int64
	for _, a := range apps {
		counted += a.counted
	}
	var site struct {
		Used int64 `json:"calls_used"`
	}
	if vendor.request("GET", fmt.Sprintf("/licenses/%s", of.license), nil, &site); site.Used != counted {
		t.Errorf("%d calls were acknowledged, %d are stored", counted, site.Used)
	}
	var list struct{ Items []json.RawMessage }
	if vendor.request("GET", fmt.Sprintf("/licenses/%s/activations", of.license), nil, &list); len(list.Items) != installations {
		t.Errorf("%d activations of %d installations", len(list.Items), installations)
	}
	if vendor.request("GET", fmt.Sprintf("/licenses/%s/reservations", of.license), nil, &list); int64(len(list.Items)) != holders.Load() {
		t.Errorf("%d reservations are stored, %d are held", len(list.Items), holders.Load())
	}
	for _, a := range apps {
		resent += a.resent
	}
	t.Logf("%d leases, %d calls, %d times, %d requests sent again", leases.Load(), counted, times, resent)
	return resent
}

// loadClient is one installation with its chain.
type loadClient struct {
	testLicense
	base     string
	http     http.Client
	device   ed25519.PrivateKey
	position lease.Position
	counted  int64
	last     []byte
	held     int // leases since the seat was reserved, including that one; 0: no seat
	resent   int
}

func newLoadClient(base string, of testLicense) *loadClient {
	_, device, _ := ed25519.GenerateKey(nil) // the system's random source does not fail
	return &loadClient{
		testLicense: of,
		base:        base,
		device:      device,
		position:    lease.Position{Link: lease.OriginLink},
		http:        http.Client{Transport: &http.Transport{}},
	}
}

// countAndReserve counts calls, reserves a seat, keeps it for a while and releases it, until finished is closed.
func (a *loadClient) countAndReserve(finished chan struct{}, holders *atomic.Int64, tell func()) error {
	defer a.http.CloseIdleConnections()
	seat := lease.Slot{Entitlement: "seat", Context: "ui"}
	for {
		select {
		case <-finished:
			return nil
		default:
		}
		before := a.held
		got, err := a.sync(func(r *lease.Request) {
			r.Counted++
			switch a.held {
			case 0:
				r.Want = []lease.ReservationRequest{{Slot: seat}}
			case seatDuration:
				r.Drop = []lease.Slot{seat}
				a.held = 0
				holders.Add(-1) // the server may give the seat to another installation before the response arrives
			}
		})
		if err != nil {
			return err
		}
		has := len(got.Reservations) > 0
		switch {
		case a.held > 0 && !has:
			return fmt.Errorf("a seat is lost that was not given back: %s", a.last)
		case before == seatDuration && has:
			return fmt.Errorf("a seat is held that was given back: %s", a.last)
		case has:
			a.held++
		}
		if a.held == 1 {
			if held := holders.Add(1); held > slots {
				return fmt.Errorf("%d of %d slots are held", held, slots)
			}
		}
		tell()
	}
}

// sync sends one request until a lease answers it, and checks that the lease is the answer to it.
func (a *loadClient) sync(fill func(*lease.Request)) (*lease.Lease, error) {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	r := lease.Request{
		Product: a.product, Version: a.version, License: a.license, Nonce: hex.EncodeToString(nonce[:]), Generation: 1,
		Number:   a.position.Number + 1,
		Previous: a.position.Link, Time: lease.Time(time.Now().UnixMilli()), Counted: a.counted, Keyring: a.hash, Lease: string(a.last),
	}
	fill(&r)
	body := r.Sign(a.device)
	_, hash, err := lease.OpenRequest(body)
	if err != nil {
		return nil, err
	}
	text, err := a.send(body)
	if err != nil {
		return nil, err
	}
	answer, err := lease.Open(text, a.keys, time.Now())
	if err != nil {
		return nil, err
	}
	position := lease.Position{Generation: 1, Number: r.Number, Link: lease.NextLink(r.Previous, hash)}
	if l := answer.Lease; l == nil || l.Position() != position || l.Request != hash || l.Nonce != r.Nonce ||
		l.Counters.Counted != r.Counted {
		return nil, fmt.Errorf("a wrong answer to %s: %s", body, text)
	}
	a.position, a.counted, a.last = position, r.Counted, answer.Text
	return answer.Lease, nil
}

// send returns the response to the bytes. A response that is not signed counts as a network error, so the bytes are sent again.
func (a *loadClient) send(body []byte) ([]byte, error) {
	var last error
	for range 2000 {
		response, err := a.http.Post(a.base+"/api/v1/sync", "text/plain", bytes.NewReader(body))
		var text []byte
		if err == nil {
			text, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		if err == nil && response.StatusCode == http.StatusOK {
			return text, nil
		}
		if err == nil && !strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") &&
			response.StatusCode != http.StatusBadGateway {
			return nil, fmt.Errorf("refused: %s: %s", response.Status, text)
		}
		last = errors.Join(err, fmt.Errorf("%s", text))
		a.resent++
	}
	return nil, fmt.Errorf("no node answers: %w", last)
}
