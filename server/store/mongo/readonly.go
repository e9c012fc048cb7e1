package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// ReadOnly reads a database, also while servers use it, and changes nothing: neither the schema nor what dead nodes have left behind.
type ReadOnly struct{ store *Store }

// OpenReadOnly opens the database for reading.
func OpenReadOnly(ctx context.Context, uri string) (*ReadOnly, error) {
	s, _, err := dial(ctx, uri, options.Client())
	if err != nil {
		return nil, err
	}
	return &ReadOnly{s}, nil
}

// Close closes the connections.
func (o *ReadOnly) Close() error { return o.store.Close() }

// SchemaVersion returns the schema version of the data, and the one that this program writes.
func (o *ReadOnly) SchemaVersion(ctx context.Context) (version, known int, err error) {
	schema, err := findOne[struct{ Version int64 }](ctx, o.store.settings, newDoc("_id", "schema"))
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return int(schema.Version), len(migrations), err
}

// EachProduct calls each for every product of every organisation, with its encrypted keys. It stops at the first error.
func (o *ReadOnly) EachProduct(ctx context.Context, each func(licensing.Product) error) error {
	return o.store.EachProduct(ctx, each)
}

// CurrentEpoch returns the epoch of the data; zero before the first request of a program.
func (o *ReadOnly) CurrentEpoch(ctx context.Context) (licensing.Epoch, error) {
	e, err := o.store.readEpoch(ctx)
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return e, err
}

// LastHeartbeat returns the time at which a server last showed that it can write; 0 if none ever did.
func (o *ReadOnly) LastHeartbeat(ctx context.Context) (lease.Time, error) {
	heartbeat, err := findOne[struct{ At date }](ctx, o.store.settings, newDoc("_id", heartbeatID))
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return timeOf(heartbeat.At), err
}

// EachEntry calls each for every entry of a kind, by organisation and from the oldest to the newest. It stops at the first error.
func (o *ReadOnly) EachEntry(ctx context.Context, kind string, each func(licensing.Entry) error) error {
	orgs, err := distinct(ctx, o.store.entries, newDoc("kind", kind), "org")
	if err != nil {
		return err
	}
	for _, org := range orgs {
		var last entryDocument
		for from, more := any(nil), true; more; from = last.Created {
			page, err := findPage(ctx, o.store.entries, newDoc("kind", kind, "org", org), "folded", licensing.Page{Limit: maxPageSize}, "created",
				false, from, last.Key,
				func(entryDocument) string { return "more" }, func(d entryDocument) entryDocument { return d })
			if err != nil {
				return err
			}
			for _, last = range page.Items {
				if err := each(last.record()); err != nil {
					return err
				}
			}
			more = page.Next != ""
		}
	}
	return nil
}

// CountOverdue returns the number, up to a hundred of each, of unfinished requests and expired entries that running servers would have
// ended or deleted by the given time.
func (o *ReadOnly) CountOverdue(ctx context.Context, before lease.Time) (n int, err error) {
	for _, left := range []struct {
		in   *mongo.Collection
		when string
	}{{o.store.activations, "open"}, {o.store.entries, "until"}} {
		found, err := findAll[bson.Raw](ctx, left.in, newDoc(left.when, newDoc("$lte", dateOf(before))),
			options.Find().SetLimit(maxPerSweep).SetProjection(newDoc("_id", 1)))
		if err != nil {
			return n, err
		}
		n += len(found)
	}
	return n, nil
}
