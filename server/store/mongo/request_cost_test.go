//go:build mongo

package mongo

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/services"
)

// The cost of requests is counted, not timed: the commands are the same on any machine and any MongoDB.

// commandCounter counts commands by collection, and bytes in both directions.
type commandCounter struct {
	mu            sync.Mutex
	reads, writes map[string]int
	bytes         int
}

func (c *commandCounter) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{
		Started: func(_ context.Context, e *event.CommandStartedEvent) {
			c.mu.Lock()
			defer c.mu.Unlock()
			switch name, _ := e.Command.Lookup(e.CommandName).StringValueOK(); e.CommandName {
			case "find", "aggregate":
				c.reads[name]++
			case "insert", "update", "delete":
				c.writes[name]++
			default:
				return
			}
			c.bytes += len(e.Command)
		},
		Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.bytes += len(e.Reply)
		},
	}
}

// measure returns the cost of f.
func (c *commandCounter) measure(f func()) cost {
	c.mu.Lock()
	c.reads, c.writes, c.bytes = map[string]int{}, map[string]int{}, 0
	c.mu.Unlock()
	f()
	c.mu.Lock()
	defer c.mu.Unlock()
	return cost{c.reads, c.writes, c.bytes}
}

type cost struct {
	reads, writes map[string]int
	bytes         int
}

func (c cost) commands() (sum int) {
	for _, of := range []map[string]int{c.reads, c.writes} {
		for _, n := range of {
			sum += n
		}
	}
	return sum
}

// row returns the cost as a row of a table.
func (c cost) row(what string) string {
	cell := func(of map[string]int) string {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(of)) {
			all = append(all, fmt.Sprintf("%d %s", of[name], name))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("| %s | %s | %s |\n", what, cell(c.reads), cell(c.writes))
}

// costScene is the domain on a store whose commands are counted, with one license.
type costScene struct {
	t        *testing.T
	s        *Store
	service  *services.Services
	commands *commandCounter
	license  licensing.License
}

func newCostScene(t *testing.T, slots int) *costScene {
	k := &costScene{t: t, commands: &commandCounter{reads: map[string]int{}, writes: map[string]int{}}}
	var err error
	if k.s, err = open(t.Context(), newDatabase(t), options.Client().SetMonitor(k.commands.monitor())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.s.Close() })
	k.s.stop() // the sweep belongs to no request
	k.s.done.Wait()
	now := time.Now()
	k.s.now = func() time.Time { return now }
	keys, err := issuer.New(bytes.Repeat([]byte("k"), issuer.MasterKeySize), nil)
	if err != nil {
		t.Fatal(err)
	}
	k.service = services.New(k.s, keys, services.Options{Clock: k.s.now, Secret: bytes.Repeat([]byte("s"), 32)})
	ctx := t.Context()
	org, err := k.service.Catalogue.CreateOrganisation(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	m := licensing.Record{Organisation: org.ID}
	product, err := k.service.Catalogue.CreateProduct(ctx, licensing.Product{Record: m, Name: "product"})
	if err != nil {
		t.Fatal(err)
	}
	policy := licensing.DefaultPolicy(lease.Calls, lease.EveryCall)
	policy.Interval, policy.Grace, policy.ActivationLimit = 3600_000, 3600_000, 1000
	version, err := k.service.Catalogue.CreateVersion(ctx, licensing.Version{Record: m, Product: product.ID, Name: "1", Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	if k.license, err = k.service.Catalogue.CreateLicense(ctx, licensing.License{Record: m, Version: version.ID, Contexts: []string{"ui"},
		Allowance:    1 << 40,
		Entitlements: []license.Entitlement{{Name: "seat", Slots: slots}}}); err != nil {
		t.Fatal(err)
	}
	k.fillPool(int64(slots))
	return k
}

// fillPool fills most of a pool with seats of others: half of a small one; all of a large one but some seats in each sixteenth bucket.
func (k *costScene) fillPool(slots int64) {
	k.t.Helper()
	var all []any
	for n := range bucketCount(slots) {
		b := newBucket(string(k.license.ID), "seat", n)
		free := int64(0)
		switch {
		case slots <= bucketSize:
			free = slots / 2
		case n%16 == 0:
			free = bucketSize / 2
		}
		for i := range bucketCapacity(n, slots) - free {
			b.Seats[string(lease.HashOf(fmt.Append(nil, "other ", n, i)))] = seatHolder{Token: newToken(), Context: "ui", Since: 1000,
				Until: maxDate}
		}
		all = append(all, b.newDocument(1))
	}
	if _, err := k.s.pools.InsertMany(k.t.Context(), all); err != nil {
		k.t.Fatal(err)
	}
}

// costInstallation is an installation with its chain.
type costInstallation struct {
	scene    *costScene
	device   ed25519.PrivateKey
	position lease.Position
	counted  int64
	last     []byte
}

func (k *costScene) newInstallation() *costInstallation {
	_, device, _ := ed25519.GenerateKey(nil)
	return &costInstallation{scene: k, device: device, position: lease.Position{Link: lease.OriginLink}}
}

func (c *costInstallation) sync(fill func(*lease.Request)) {
	k := c.scene
	k.t.Helper()
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	r := lease.Request{Product: k.license.Product, Version: k.license.Version, License: k.license.ID, Nonce: hex.EncodeToString(nonce[:]),
		Generation: 1,
		Number:     c.position.Number + 1, Previous: c.position.Link, Time: lease.Time(k.s.now().UnixMilli()), Counted: c.counted,
		Lease: string(c.last)}
	fill(&r)
	body := r.Sign(c.device)
	_, hash, err := lease.OpenRequest(body)
	if err != nil {
		k.t.Fatal(err)
	}
	answer, err := k.service.Leasing.Sync(k.t.Context(), body, "192.0.2.1")
	if err != nil || answer.Refused != "" {
		k.t.Fatalf("%s %v", answer.Body, err)
	}
	// What is attached to the lease, the keyring the first time, does not belong to it.
	c.last = bytes.Join(bytes.SplitAfterN(answer.Body, []byte("\n"), 3)[:2], nil)
	c.position, c.counted = lease.Position{Generation: 1, Number: r.Number, Link: lease.NextLink(r.Previous, hash)}, r.Counted
}

var (
	seatSlot       = lease.Slot{Entitlement: "seat", Context: "ui"}
	reservesSeat   = func(r *lease.Request) { r.Want = []lease.ReservationRequest{{Slot: seatSlot}} }
	releasesSeat   = func(r *lease.Request) { r.Drop = []lease.Slot{seatSlot} }
	reportsCall    = func(r *lease.Request) { r.Counted++ }
	changesNothing = func(*lease.Request) {}
	scalingPage    = "../../../docs/scaling.md"
)

// docs/scaling.md states the cost of a request correctly.
func TestCostOfRequests(t *testing.T) {
	k := newCostScene(t, 100)
	c := k.newInstallation()
	table := "| request | reads | writes |\n|---|---|---|\n"
	for _, one := range []struct {
		what string
		fill func(*lease.Request)
	}{
		{"activation", changesNothing}, {"sync with usage", reportsCall}, {"sync without", changesNothing}, {"reserve",
			reservesSeat}, {"renewal of a seat", changesNothing}, {"release", releasesSeat},
	} {
		table += k.commands.measure(func() { c.sync(one.fill) }).row(one.what)
	}
	page, err := os.ReadFile(scalingPage)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table) {
		t.Errorf("docs/scaling.md must have this table:\n%s", table)
	}
}

// A cycle of reserve and release costs as much in a pool of 100 000 seats as in one of 100, within a fifth: in commands, and in bytes.
func TestCostDoesNotGrowWithThePool(t *testing.T) {
	const customers = 30
	var least cost
	for _, slots := range []int{100, 10_000, 100_000} {
		k := newCostScene(t, slots)
		var all []*costInstallation
		for range customers {
			c := k.newInstallation()
			c.sync(changesNothing)
			c.sync(reservesSeat) // the node remembers full buckets from now on
			c.sync(releasesSeat)
			all = append(all, c)
		}
		got := k.commands.measure(func() {
			for _, c := range all {
				c.sync(reservesSeat)
			}
			for _, c := range all {
				c.sync(releasesSeat)
			}
		})
		t.Logf("%d seats: %.1f commands and %d bytes a cycle", slots, float64(got.commands())/customers, got.bytes/customers)
		if slots == 100 {
			least = got
		} else if more := float64(got.commands()) / float64(least.commands()); more > 1.2 {
			t.Errorf("a cycle in %d seats takes %.2f times as many commands", slots, more)
		} else if more := float64(got.bytes) / float64(least.bytes); more > 1.2 {
			t.Errorf("a cycle in %d seats takes %.2f times as many bytes", slots, more)
		}
	}
}
