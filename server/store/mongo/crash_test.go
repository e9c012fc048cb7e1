//go:build mongo

package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A node dies before or after any of its writes. What it had acknowledged is stored. What it had not can be completed by the same request
// on another node, with the same result, or is undone for another request, the vendor or the sweep, without a trace.

var errCrashed = errors.New("the node died")

// crashAt lets the store die at the n-th point before or after its writes: after that nothing of it reaches the server.
func (s *Store) crashAt(n int) (died func() bool) {
	var points atomic.Int64
	s.onWrite = func() error {
		if points.Add(1) > int64(n) {
			return errCrashed
		}
		return nil
	}
	return func() bool { return points.Load() > int64(n) }
}

// scene is a license with 3 seats, one desk and an allowance of 100. Installation a holds one seat and has made 10 calls before its next
// request.
type scene struct {
	t       *testing.T
	uri     string
	s       *Store // a node that does not die
	license license.ID

	hasHistory bool // the history was saved: it stays, also when a re-activation was in progress
}

func newScene(t *testing.T, uri string) *scene {
	s := openStore(t, uri)
	id := license.ID(fmt.Sprintf("%024x", databases.Add(1)))
	m := licensing.Record{ID: id, Organisation: "org", Revision: 1}
	for _, err := range []error{
		s.CreateOrganisation(t.Context(), licensing.Organisation{ID: "org"}),
		s.CreateProduct(t.Context(), licensing.Product{Record: licensing.Record{ID: "product", Organisation: "org"}}),
		s.CreateVersion(t.Context(), licensing.Version{Record: licensing.Record{ID: "version", Organisation: "org"}, Product: "product"}),
		s.CreateLicense(t.Context(), licensing.License{Record: m, Product: "product", Version: "version",
			Entitlements: []license.Entitlement{{Name: "seat", Slots: 3}, {Name: "desk", Slots: 1}}}),
	} {
		if err != nil && !errors.Is(err, licensing.ErrExists) {
			t.Fatal(err)
		}
	}
	return &scene{t: t, uri: uri, s: s, license: id}
}

func (c *scene) key(name string) licensing.ActivationKey {
	return licensing.ActivationKey{License: c.license, Activation: lease.HashOf([]byte(name))}
}

// advance returns the installation's request with the name, which continues what is stored.
func (c *scene) advance(name, request string, with ...func(*licensing.Advance)) licensing.Advance {
	c.t.Helper()
	held, err := c.s.Activation(c.t.Context(), c.key(name))
	if err != nil && !errors.Is(err, licensing.ErrNotFound) {
		c.t.Fatal(err)
	}
	hash := lease.HashOf([]byte(request))
	a := licensing.Advance{Key: c.key(name), Org: "org", From: held.Head, Request: hash, Device: name, Revision: 1, Now: 1000, Until: 2000,
		UsageCharge: licensing.UsageCharge{Counted: held.Counted, Allowance: 100},
		To: lease.Position{Generation: max(1, held.Head.Generation), Number: held.Head.Number + 1,
			Link: lease.NextLink(lease.OriginLink, hash)}}
	if held.Head.Generation == 0 {
		a.NewActivation = &licensing.ActivationLimits{Limit: 100, Window: 1000, MaxMachines: 3, TransferLimit: licensing.Unlimited}
	}
	for _, f := range with {
		f(&a)
	}
	a.Lease = func(o licensing.Outcome) (lease.Document, error) {
		return fmt.Appendf(nil, "%s counted %d granted %d holds %v denied %v", request, o.Counted, o.Charged, o.Reservations, o.Denied), nil
	}
	return a
}

func (c *scene) mustAdvance(name, request string, with ...func(*licensing.Advance)) lease.Document {
	c.t.Helper()
	done, err := c.s.Advance(c.t.Context(), c.advance(name, request, with...))
	document := done.Document
	if err != nil {
		c.t.Fatal(err)
	}
	return document
}

func countsCalls(n int64) func(*licensing.Advance) {
	return func(a *licensing.Advance) { a.Counted += n }
}

// prepaysBlock charges a block of 20 on top.
func prepaysBlock(a *licensing.Advance) { a.Block = 20 }

func reserves(names ...string) func(*licensing.Advance) { return reservesOf(3, 2000, names...) }

func reservesOf(slots int64, until lease.Time, names ...string) func(*licensing.Advance) {
	return func(a *licensing.Advance) {
		for _, n := range names {
			a.Reserve = append(a.Reserve, licensing.ReservationRequest{Slot: lease.Slot{Entitlement: n, Context: "ui"}, Slots: slots, Until: until})
		}
	}
}

// farFuture is the deadline of borrowed seats, after all renewals.
const farFuture = 1_000_000

// reactivates begins the next generation, with everything that it charges.
func reactivates(a *licensing.Advance) {
	a.To.Generation, a.To.Number = a.From.Generation+1, 1
	a.Reactivation = &licensing.ReactivationLimits{Budget: 1, Window: 1000,
		History: licensing.ReactivationHistory{Revision: 1, ClosedHead: a.From}}
	a.Block, a.EndPrepaid, a.Extra = 20, true, 20
}

func releases(names ...string) func(*licensing.Advance) {
	return func(a *licensing.Advance) { a.Release = names }
}

func goodbye(a *licensing.Advance) { a.Goodbye = true }

// requestKinds are the requests of installation a during which the node dies: each kind of step of a chain.
var requestKinds = []struct {
	name    string
	first   bool // it is a's first request
	request []func(*licensing.Advance)
}{
	{"activates", true, []func(*licensing.Advance){countsCalls(5), reserves("seat", "desk")}},
	{"counts", false, []func(*licensing.Advance){countsCalls(5)}},
	{"reserves", false, []func(*licensing.Advance){reserves("desk")}},
	{"reserves_and_releases_and_counts", false, []func(*licensing.Advance){countsCalls(7), reserves("desk"), releases("seat")}},
	{"renews", false, []func(*licensing.Advance){func(a *licensing.Advance) { a.Now, a.Until = 1500, 2500 }}},
	{"says_goodbye", false, []func(*licensing.Advance){countsCalls(3), goodbye}},
	{"activates_and_prepays", true, []func(*licensing.Advance){prepaysBlock, reserves("seat")}},
	{"prepays", false, []func(*licensing.Advance){countsCalls(5), prepaysBlock}},
	{"prepays_what_is_left", false, []func(*licensing.Advance){countsCalls(80), prepaysBlock, reserves("desk")}},
	{"reactivates", false, []func(*licensing.Advance){reactivates}},
	{"borrows_what_it_holds", false, []func(*licensing.Advance){reservesOf(3, farFuture, "seat", "desk")}},
	{"releases_and_reserves_for_less", false, []func(*licensing.Advance){releases("seat"), reservesOf(3, 1900, "seat"), prepaysBlock}},
	{"reserves_without_free_slot", false, []func(*licensing.Advance){releases("seat"), reservesOf(licensing.Unlimited, 2000, "seat", "desk")}},
}

// followUps are the actions after the node has died.
var followUps = []struct {
	name string
	next func(c *scene, a licensing.Advance, acknowledged lease.Document)
}{
	{"the_same_request_completes_it", func(c *scene, a licensing.Advance, acknowledged lease.Document) {
		done, err := c.s.Advance(c.t.Context(), a)
		document := done.Document
		if err != nil {
			c.t.Fatal(err)
		}
		if acknowledged != nil && !bytes.Equal(document, acknowledged) {
			c.t.Fatalf("%s was acknowledged, and is now %s", acknowledged, document)
		}
	}},
	{"the_same_request_completes_it_when_nothing_is_left", func(c *scene, a licensing.Advance, acknowledged lease.Document) {
		c.mustAdvance("b", "b uses the rest", countsCalls(1000))
		done, err := c.s.Advance(c.t.Context(), a)
		document := done.Document
		if err != nil {
			c.t.Fatal(err)
		}
		if acknowledged != nil && !bytes.Equal(document, acknowledged) {
			c.t.Fatalf("%s was acknowledged, and is now %s", acknowledged, document)
		}
	}},
	{"another_request_undoes_it", func(c *scene, a licensing.Advance, acknowledged lease.Document) {
		other := a
		other.Request = lease.HashOf([]byte("other"))
		other.To.Link = lease.NextLink(lease.OriginLink, other.Request)
		_, err := c.s.Advance(c.t.Context(), other)
		if err != nil && !errors.Is(err, licensing.ErrStale) {
			c.t.Fatal(err)
		}
		if acknowledged != nil && err == nil {
			c.t.Fatal("another request took the place of one that was acknowledged")
		}
	}},
	{"another_request_without_reservations_undoes_it", func(c *scene, a licensing.Advance, _ lease.Document) {
		other := a
		other.Request = lease.HashOf([]byte("other"))
		other.To.Link = lease.NextLink(lease.OriginLink, other.Request)
		other.Reserve, other.Release, other.UsageCharge = nil, nil, licensing.UsageCharge{Allowance: a.Allowance}
		if _, err := c.s.Advance(c.t.Context(), other); err != nil && !errors.Is(err, licensing.ErrStale) {
			c.t.Fatal(err)
		}
	}},
	{"the_vendor_deactivates", func(c *scene, a licensing.Advance, _ lease.Document) {
		c.checkVendorError(c.s.Deactivate(c.t.Context(), "org", a.Key, 1700))
	}},
	{"the_vendor_releases_a_seat", func(c *scene, a licensing.Advance, _ lease.Document) {
		c.checkVendorError(c.s.FreeReservation(c.t.Context(), "org", a.Key, "seat", 1700))
	}},
	{"the_vendor_saves_the_history", func(c *scene, a licensing.Advance, acknowledged lease.Document) {
		past := licensing.ReactivationHistory{Revision: 1, Alternations: 7}
		err := c.s.SaveReactivationHistory(c.t.Context(), a.Key, a.From, past, true)
		if errors.Is(err, licensing.ErrStale) { // the request was first
			c.sweep()
			return
		}
		if c.checkVendorError(err); err == nil && acknowledged != nil {
			c.t.Fatal("a history was saved for an earlier head")
		}
		c.hasHistory = err == nil
	}},
	{"the_sweep_runs", func(c *scene, _ licensing.Advance, _ lease.Document) { c.sweep() }},
}

func (c *scene) sweep() {
	c.t.Helper()
	if err := c.s.sweep(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// checkVendorError checks the result of a vendor's action. An activation that never came to be does not exist for the vendor; the sweep
// removes it.
func (c *scene) checkVendorError(err error) {
	c.t.Helper()
	if errors.Is(err, licensing.ErrNotFound) {
		c.sweep()
	} else if err != nil {
		c.t.Fatal(err)
	}
}

func TestCrashAtAnyWrite(t *testing.T) {
	forEachWritePoint(t, func(c *scene, dying *Store, point int, a licensing.Advance, end func(lease.Document)) (reached bool) {
		died := dying.crashAt(point)
		done, err := dying.Advance(t.Context(), a)
		acknowledged := done.Document
		if err != nil && !errors.Is(err, errCrashed) {
			c.t.Fatal(err)
		}
		if err != nil {
			acknowledged = nil
		}
		end(acknowledged)
		c.checkSums()
		c.checkStored(a, acknowledged)
		return died()
	})
}

// The node only stalls, and continues when others have done their part: what it still does changes nothing that they have decided.
func TestStallAtAnyWrite(t *testing.T) {
	forEachWritePoint(t, func(c *scene, slow *Store, point int, a licensing.Advance, end func(lease.Document)) bool {
		asleep, wake := slow.stallAt(point)
		type answer struct {
			document lease.Document
			err      error
		}
		answered := make(chan answer, 1)
		go func() {
			done, err := slow.Advance(context.Background(), a)
			document := done.Document
			answered <- answer{document, err}
		}()
		select {
		case early := <-answered: // there are fewer points
			if early.err != nil {
				c.t.Fatal(early.err)
			}
			end(early.document)
			c.checkSums()
			return false
		case <-asleep:
		}
		end(nil)
		close(wake)
		got := <-answered
		if got.err != nil && !errors.Is(got.err, licensing.ErrStale) {
			c.t.Fatal(got.err)
		}
		c.sweep()
		c.checkSums()
		c.checkStored(a, got.document)
		return true
	})
}

// stallAt lets the store stall at the n-th point before or after its writes, until wake is closed.
func (s *Store) stallAt(n int) (asleep, wake chan struct{}) {
	asleep, wake = make(chan struct{}), make(chan struct{})
	var points atomic.Int64
	s.onWrite = func() error {
		if points.Add(1) == int64(n)+1 {
			close(asleep)
			<-wake
		}
		return nil
	}
	return asleep, wake
}

// forEachWritePoint plays each kind of request with each follow-up, and lets something happen to the node at each point until there are no
// more.
func forEachWritePoint(t *testing.T, play func(c *scene, node *Store, point int, a licensing.Advance,
	end func(lease.Document)) (reached bool)) {
	for _, kind := range requestKinds {
		for _, ending := range followUps {
			t.Run(kind.name+"/"+ending.name, func(t *testing.T) {
				uri := newDatabase(t)
				point := 0
				for reached := true; reached; point++ {
					c := newScene(t, uri)
					c.mustAdvance("b", "b activates", reserves("seat"), reservesOf(1, 2000, "desk"), countsCalls(1))
					if !kind.first {
						c.mustAdvance("a", "a activates", reserves("seat"), countsCalls(10))
					}
					a := c.advance("a", "a", kind.request...)
					// The next write of the meter prunes traces of earlier requests; that must not be the reason for the write.
					if _, err := c.s.updateOne(t.Context(), c.s.meters, byID(string(c.license)), newDoc("$set", newDoc("traces", bson.D{}))); err != nil {
						t.Fatal(err)
					}
					c.s.abandonedAfter = 0 // every unfinished claim is abandoned
					reached = play(c, openStore(t, uri), point, a, func(acknowledged lease.Document) { ending.next(c, a, acknowledged) })
					if m, err := c.s.Meter(t.Context(), c.license); err != nil || m.Used > a.Allowance {
						t.Fatalf("%d of %d calls are used: %v", m.Used, a.Allowance, err)
					}
				}
				if point < 3 {
					t.Fatalf("there are only %d points", point)
				}
			})
		}
	}
}

// checkStored checks that what was acknowledged is stored, or was followed by something later.
func (c *scene) checkStored(a licensing.Advance, acknowledged lease.Document) {
	c.t.Helper()
	if c.hasHistory {
		if held, err := c.s.Activation(c.t.Context(), a.Key); err != nil || held.Reactivations.Alternations != 7 {
			c.t.Fatalf("the history was saved, stored is %+v: %v", held.Reactivations, err)
		}
	}
	if acknowledged == nil {
		return
	}
	if held, err := c.s.Activation(c.t.Context(), a.Key); err != nil || !bytes.Equal(held.Lease, acknowledged) && !a.To.Before(held.Head) {
		c.t.Fatalf("%s was acknowledged, stored is %s: %v", acknowledged, held.Lease, err)
	}
}

// checkSums checks that the sums agree: only what the activations have is counted, held or taken.
func (c *scene) checkSums() {
	c.t.Helper()
	ctx := c.t.Context()
	all, err := findAll[activation](ctx, c.s.activations, newDoc("license", string(c.license)))
	if err != nil {
		c.t.Fatal(err)
	}
	raw, err := findOne[bson.Raw](ctx, c.s.meters, newDoc("_id", string(c.license)))
	if err != nil {
		c.t.Fatal(err)
	}
	m, err := decodeMeter(raw)
	if err != nil {
		c.t.Fatal(err)
	}
	var used, machines int64
	held := map[string]seat{}
	for _, d := range all {
		if d.Claim != nil || d.Pending != nil {
			c.t.Fatalf("unfinished: %+v %+v", d.Claim, d.Pending)
		}
		used += d.Charged
		if d.Counted > d.Charged {
			c.t.Fatalf("%d counted, of %d that were charged", d.Counted, d.Charged)
		}
		if d.Closed == 0 {
			machines++
		}
		for _, h := range d.Seats {
			held[h.Bucket+" "+d.Activation] = h
		}
	}
	if m.Used != used || m.Machines != machines {
		c.t.Fatalf("the meter says %d calls and %d machines, the activations say %d and %d", m.Used, m.Machines, used, machines)
	}
	buckets, err := findAll[bucket](ctx, c.s.pools, newDoc("license", string(c.license)))
	if err != nil {
		c.t.Fatal(err)
	}
	seats := 0
	for _, b := range buckets {
		if b.Used != int64(len(b.Seats)) {
			c.t.Fatalf("bucket %s counts %d of %d seats", b.ID, b.Used, len(b.Seats))
		}
		for key, p := range b.Seats {
			seats++
			known := held[b.ID+" "+key]
			if known.Token != p.Token {
				c.t.Fatalf("bucket %s has a seat that its activation does not have", b.ID)
			}
			if p.Until < known.Until || p.Until >= farFuture && known.Until < farFuture {
				c.t.Fatalf("a seat of %s until %d, its activation says %d", b.ID, p.Until, known.Until)
			}
		}
	}
	if seats != len(held) {
		c.t.Fatalf("%d seats in buckets, %d in activations", seats, len(held))
	}
}
