//go:build mongo

package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// Nodes are replaced one by one: the first node of the newer program migrates the schema while the older ones still serve.

// futureMigration is a migration of a newer program: every document of these collections gets a member that this program does not know, and
// an index of it.
func futureMigration(ctx context.Context, s *Store) error {
	for _, c := range []*mongo.Collection{s.licenses, s.activations, s.meters, s.pools, s.products, s.versions, s.members, s.entries} {
		if _, err := c.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: newDoc("future", 1)}); err != nil {
			return err
		}
		found, err := findAll[struct {
			ID string `bson:"_id"`
		}](ctx, c, newDoc("future", newDoc("$exists", false)), options.Find().SetProjection(newDoc("_id", 1)))
		if err != nil {
			return err
		}
		for _, d := range found {
			if _, err := s.updateOne(ctx, c, byID(d.ID), newDoc("$set", newDoc("future", int64(1)))); err != nil {
				return err
			}
		}
	}
	return nil
}

// proves part of B13
func TestOldNodesServeDuringMigration(t *testing.T) {
	c := newScene(t, newDatabase(t)) // an old node
	ctx := t.Context()
	steps := append(append([]func(context.Context, *Store) error{}, migrations...), futureMigration)
	entry := licensing.Entry{Kind: "note", ID: "1", Org: "org", List: "l", Created: 1, Body: []byte("{}")}
	person := access.Member{ID: "member", Organisation: "org", Email: "a@example.com", Role: access.Owner}
	for _, err := range []error{c.s.CreateEntry(ctx, entry), c.s.CreateMember(ctx, person)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const before = 4
	for n := range before {
		c.mustAdvance(fmt.Sprint(n), "first", countsCalls(1), func(a *licensing.Advance) { a.NewActivation.MaxMachines = licensing.Unlimited })
	}
	c.mustAdvance("0", "takes", reserves("seat"))

	// New nodes migrate, two at a time, while the old node works.
	var all sync.WaitGroup
	errs := make([]error, 2)
	for n := range errs {
		node := openStore(t, c.uri)
		all.Go(func() { errs[n] = node.migrate(ctx, steps) })
	}
	for n := range 10 {
		c.mustAdvance(fmt.Sprint(before+n), "first", countsCalls(1),
			func(a *licensing.Advance) { a.NewActivation.MaxMachines = licensing.Unlimited })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if schema, err := findOne[struct{ Version int64 }](ctx, c.s.settings, byID("schema")); err != nil || schema.Version != int64(len(steps)) {
		t.Fatalf("the schema is %d of %d: %v", schema.Version, len(steps), err)
	}

	// The old node goes on serving, and its writes do not touch members that it does not know.
	for n := range before {
		c.mustAdvance(fmt.Sprint(n), "second", countsCalls(1), reserves("seat"))
	}
	c.mustAdvance("0", "gives", releases("seat"))
	held, err := c.s.License(ctx, "org", c.license)
	if err != nil {
		t.Fatal(err)
	}
	held.Name = "another"
	product, err := c.s.Product(ctx, "org", "product")
	if err != nil {
		t.Fatal(err)
	}
	version, err := c.s.Version(ctx, "org", "version")
	if err != nil {
		t.Fatal(err)
	}
	product.Name, version.Name, entry.Revision = "another", "another", 1
	for _, edit := range []func() error{
		func() error { _, err := c.s.UpdateLicense(ctx, held); return err },
		func() error { _, err := c.s.UpdateProduct(ctx, product); return err },
		func() error { _, err := c.s.UpdateVersion(ctx, version); return err },
		func() error { _, err := c.s.ReplaceEntry(ctx, entry); return err },
		func() error { return c.s.SetPassword(ctx, "org", "member", "", "another", "") },
	} {
		if err := edit(); err != nil {
			t.Fatal(err)
		}
	}
	c.checkSums()
	for _, from := range []struct {
		collection *mongo.Collection
		id         string
	}{
		{c.s.licenses, string(c.license)}, {c.s.meters, string(c.license)}, {c.s.pools, bucketID(poolID(string(c.license), "seat"), 0)},
		{c.s.products, "product"}, {c.s.versions, "version"}, {c.s.entries, entryID("note", "1")}, {c.s.members, "member"},
		{c.s.activations, activationID(c.key("0"))}, {c.s.activations, activationID(c.key("3"))},
	} {
		if there, err := exists(ctx, from.collection, newDoc("_id", from.id, "future", int64(1))); err != nil || !there {
			t.Errorf("an old node has removed members of a newer schema from %s %s: %v", from.collection.Name(), from.id, err)
		}
	}

	// It cannot be restarted: it does not know the newer schema.
	if _, err := open(ctx, c.uri, options.Client()); err == nil || !strings.Contains(err.Error(), "use the newer program") {
		t.Errorf("an old node started on newer data: %v", err)
	}
}

// Nodes that start at the same time on an empty database end with the same schema.
func TestConcurrentMigration(t *testing.T) {
	uri := newDatabase(t)
	errs := make([]error, 6)
	var all sync.WaitGroup
	for n := range errs {
		all.Go(func() {
			s, err := open(t.Context(), uri, options.Client().SetMonitor(commandMonitor))
			if err == nil {
				err = s.Close()
			}
			errs[n] = err
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	schema, err := findOne[struct{ Version int64 }](t.Context(), openStore(t, uri).settings, byID("schema"))
	if err != nil || schema.Version != int64(len(migrations)) {
		t.Errorf("the schema is %d of %d: %v", schema.Version, len(migrations), err)
	}
}

// Every index works on a sharded cluster, where only an index that begins with the shard key could be unique: nothing is unique but _id.
func TestIndexesSuitShards(t *testing.T) {
	uri := newDatabase(t)
	s := openStore(t, uri)
	asked, err := mongo.Connect(options.Client().ApplyURI(uri)) // listIndexes is not a command of the store
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = asked.Disconnect(context.Background()) }()
	sum := 0
	for name, c := range s.collectionsByName() {
		cursor, err := asked.Database((*c).Database().Name()).Collection(name).Indexes().List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var found []struct {
			Key    bson.D
			Unique bool
			Name   string
		}
		if err := cursor.All(t.Context(), &found); err != nil {
			t.Fatal(err)
		}
		for _, i := range found {
			own := len(i.Key) == 1 && i.Key[0].Key == "_id"
			if i.Unique && !own {
				t.Errorf("index %s of %s is unique", i.Name, name)
			}
			if !own {
				sum++
			}
		}
	}
	if sum < 10 {
		t.Errorf("only %d indexes were found", sum)
	}
}

// A node that dies at any point of a deletion leaves the license as it was, or leaves the rest of the deletion to the sweep.
func TestCrashDuringDeletion(t *testing.T) {
	uri := newDatabase(t)
	point := 0
	for reached := true; reached; point++ {
		c := newScene(t, uri)
		c.mustAdvance("a", "a", reserves("seat"), countsCalls(3))
		c.mustAdvance("b", "b", reserves("seat"), countsCalls(3))
		dying := openStore(t, uri)
		died := dying.crashAt(point)
		err := dying.DeleteLicense(t.Context(), "org", c.license, 0)
		if err != nil && !errors.Is(err, errCrashed) {
			t.Fatal(err)
		}
		acknowledged := err == nil
		reached = died()
		c.sweep()
		if _, err := c.s.License(t.Context(), "org", c.license); err == nil {
			if acknowledged {
				t.Fatal("a deletion was acknowledged, and the license is there")
			}
			c.checkSums()
			continue
		} else if !errors.Is(err, licensing.ErrNotFound) {
			t.Fatal(err)
		}
		for _, rest := range []struct {
			collection *mongo.Collection
			filter     bson.D
		}{
			{c.s.meters, newDoc("_id", string(c.license))}, {c.s.deletions, newDoc("_id", string(c.license))},
			{c.s.pools, newDoc("license", string(c.license))}, {c.s.activations, newDoc("license", string(c.license))},
		} {
			if there, err := exists(t.Context(), rest.collection, rest.filter); err != nil || there {
				t.Fatalf("point %d: something is left in %s: %v", point, rest.collection.Name(), err)
			}
		}
	}
	if point < 6 {
		t.Errorf("there are only %d points", point)
	}
}

// A node dies with more requests in progress than a sweep handles at a time, some of which cannot be ended. One sweep ends all others.
func TestSweepContinuesAfterFailure(t *testing.T) {
	c := newScene(t, newDatabase(t))
	for n := range 2*maxPerSweep + 10 {
		d := activation{ID: fmt.Sprintf("%s:%03d", c.license, n), Rev: 1, License: string(c.license), Activation: fmt.Sprintf("%03d", n),
			Org:   "org",
			Claim: &claim{Token: newToken()}, OpenSince: date(n + 1)}
		if n < maxPerSweep { // what it gives back is in a bucket that cannot be read
			d.Claim, d.Pending = nil, &pendingRelease{Token: newToken(), Release: []seat{{Bucket: "spoiled", Token: "m"}}}
		}
		if err := c.s.insert(t.Context(), c.s.activations, d); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.s.insert(t.Context(), c.s.pools, newDoc("_id", "spoiled", "rev", "none")); err != nil {
		t.Fatal(err)
	}
	if err := c.s.sweep(t.Context()); err == nil {
		t.Error("the sweep does not return the error of what it could not end")
	}
	left, err := findAll[activation](t.Context(), c.s.activations, newDoc("open", newDoc("$gt", date(0))))
	if err != nil || len(left) != maxPerSweep {
		t.Errorf("%d are left, %v", len(left), err)
	}
}

// A license is created again with its id, by an import, while another node has died deleting it: it is a new license, and stays.
func TestRecreateLicenseAfterDeletion(t *testing.T) {
	uri := newDatabase(t)
	for point, reached := 0, true; reached; point++ {
		c := newScene(t, uri)
		c.mustAdvance("a", "a", reserves("seat"), countsCalls(3))
		dying := openStore(t, uri)
		died := dying.crashAt(point)
		if err := dying.DeleteLicense(t.Context(), "org", c.license, 1); err != nil && !errors.Is(err, errCrashed) {
			t.Fatal(err)
		}
		reached = died()
		if _, err := c.s.License(t.Context(), "org", c.license); err == nil {
			continue // it was not gone
		}
		err := c.s.CreateLicense(t.Context(), licensing.License{Record: licensing.Record{ID: c.license, Organisation: "org", Revision: 1},
			Product: "product", Version: "version",
			Entitlements: []license.Entitlement{{Name: "seat", Slots: 3}}})
		if err != nil {
			t.Fatal(err)
		}
		c.sweep()
		if _, err := c.s.License(t.Context(), "org", c.license); err != nil {
			t.Fatalf("point %d: it is gone again: %v", point, err)
		}
		if m, err := c.s.Meter(t.Context(), c.license); err != nil || m.Used != 0 || m.Machines != 0 {
			t.Errorf("point %d: %+v, %v", point, m, err)
		}
		if _, err := c.s.Activation(t.Context(), c.key("a")); !errors.Is(err, licensing.ErrNotFound) {
			t.Errorf("point %d: an installation of the one before: %v", point, err)
		}
		c.mustAdvance("b", "b", reserves("seat"), countsCalls(1))
	}
}

// A node stalls at each point of a deletion, or of completing one that a dead node began. Meanwhile the license is deleted on another node,
// created again with its id and revision, and used by the same installation. The stalled node then changes nothing of it.
func TestRecreateLicenseDuringStalledDeletion(t *testing.T) {
	for _, one := range []struct {
		name string
		// prepare leaves a deletion of the license unfinished, or does nothing.
		prepare func(*testing.T, *scene)
		delete  func(context.Context, *Store, license.ID) error
	}{
		{"deletion", func(*testing.T, *scene) {}, func(ctx context.Context, s *Store, id license.ID) error {
			return s.DeleteLicense(ctx, "org", id, 1)
		}},
		{"completion", func(t *testing.T, c *scene) {
			dead := openStore(t, c.uri)
			dead.crashAt(4) // after the license was deleted
			if err := dead.DeleteLicense(t.Context(), "org", c.license, 1); !errors.Is(err, errCrashed) {
				t.Fatal(err)
			}
		}, func(ctx context.Context, s *Store, id license.ID) error { return s.completeDeletion(ctx, string(id)) }},
	} {
		t.Run(one.name, func(t *testing.T) {
			uri, point := newDatabase(t), 0
			for reached := true; reached; point++ {
				c := newScene(t, uri)
				stalled := openStore(t, uri)
				for _, s := range []*Store{c.s, stalled} { // their sweeps must not complete the deletion
					s.stop()
					s.done.Wait()
				}
				c.mustAdvance("a", "a", reserves("seat"), countsCalls(3))
				one.prepare(t, c)
				asleep, wake := stalled.stallAt(point)
				ended := make(chan error, 1)
				go func() { ended <- one.delete(context.Background(), stalled, c.license) }()
				select {
				case <-asleep:
				case err := <-ended:
					if err != nil {
						t.Fatal(err)
					}
					reached = false
				}
				if err := c.s.DeleteLicense(t.Context(), "org", c.license, 1); err != nil && !errors.Is(err, licensing.ErrNotFound) {
					t.Fatal(err)
				}
				if err := c.s.CreateLicense(t.Context(), licensing.License{
					Record:  licensing.Record{ID: c.license, Organisation: "org", Revision: 1},
					Product: "product", Version: "version",
					Entitlements: []license.Entitlement{{Name: "seat", Slots: 3}, {Name: "desk", Slots: 1}},
				}); err != nil {
					t.Fatalf("point %d: %v", point, err)
				}
				c.mustAdvance("a", "a", reserves("seat"), countsCalls(2))
				close(wake)
				if reached {
					if err := <-ended; err != nil && !errors.Is(err, licensing.ErrNotFound) {
						t.Fatalf("point %d: %v", point, err)
					}
				}
				c.sweep()
				if _, err := c.s.License(t.Context(), "org", c.license); err != nil {
					t.Fatalf("point %d: the license: %v", point, err)
				}
				if m, err := c.s.Meter(t.Context(), c.license); err != nil || m.Used != 2 || m.Machines != 1 {
					t.Errorf("point %d: the meter: %+v, %v", point, m, err)
				}
				if _, err := c.s.Activation(t.Context(), c.key("a")); err != nil {
					t.Errorf("point %d: the activation: %v", point, err)
				}
				if there, err := exists(t.Context(), c.s.pools, byID(bucketID(poolID(string(c.license), "seat"), 0))); err != nil || !there {
					t.Errorf("point %d: the bucket: %t, %v", point, there, err)
				}
				c.checkSums()
			}
			if point < 6 {
				t.Errorf("there are only %d points", point)
			}
		})
	}
}

// A node that dies at any point of the creation of the first owner leaves no owner, or one whose creation the sweep completes.
func TestCrashDuringFirstOwner(t *testing.T) {
	point := 0
	for reached := true; reached; point++ {
		uri := newDatabase(t)
		s := openStore(t, uri)
		token := access.SetupToken{Hash: lease.HashOf([]byte("token")), Expires: 1000}
		if err := s.SetSetupToken(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		dying := openStore(t, uri)
		died := dying.crashAt(point)
		owner := access.Member{ID: license.ID(fmt.Sprintf("%024x", 1)), Organisation: "org", Email: "a@example.com", Role: access.Owner}
		err := dying.CreateFirstOwner(t.Context(), token.Hash, licensing.Organisation{ID: "org", Name: "Org"}, owner)
		if err != nil && !errors.Is(err, errCrashed) {
			t.Fatal(err)
		}
		reached = died()
		if err2 := s.sweep(t.Context()); err2 != nil {
			t.Fatal(err2)
		}
		_, there := s.MemberByEmail(t.Context(), owner.Email)
		_, org := s.Organisation(t.Context(), "org")
		owned, ownedErr := s.HasOwner(t.Context())
		if ownedErr != nil || owned != (there == nil) || owned != (org == nil) || err == nil && !owned {
			t.Fatalf("point %d: owned %t, the member: %v, the organisation: %v, answered: %v", point, owned, there, org, err)
		}
	}
	if point < 4 {
		t.Errorf("there are only %d points", point)
	}
}
