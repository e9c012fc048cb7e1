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

// Onlooker reads a database that servers may run on, and changes nothing: neither the schema nor what dead nodes have left behind.
type Onlooker struct{ s *Store }

// Look opens the database for reading.
func Look(ctx context.Context, uri string) (*Onlooker, error) {
	s, _, err := dial(ctx, uri, options.Client())
	if err != nil {
		return nil, err
	}
	return &Onlooker{s}, nil
}

// Close lets the database go.
func (o *Onlooker) Close() error { return o.s.Close() }

// Schema is the data's version, and the one that this program writes.
func (o *Onlooker) Schema(ctx context.Context) (version, known int, err error) {
	schema, err := one[struct{ Version int64 }](ctx, o.s.settings, with("_id", "schema"))
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return int(schema.Version), len(migrations), err
}

// EachProduct calls each for every product, of every organisation, with its sealed keys.
func (o *Onlooker) EachProduct(ctx context.Context, each func(licensing.Product) error) error {
	return o.s.EachProduct(ctx, each)
}

// PresentEpoch is that of the data; zero before anything was granted.
func (o *Onlooker) PresentEpoch(ctx context.Context) (licensing.Epoch, error) {
	e, err := o.s.readEpoch(ctx)
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return e, err
}

// Touched is when a server last showed that it can write; 0 if none ever did.
func (o *Onlooker) Touched(ctx context.Context) (lease.Time, error) {
	heartbeat, err := one[struct{ At date }](ctx, o.s.settings, with("_id", heartbeatID))
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return timeOf(heartbeat.At), err
}

// EachEntry calls each for every entry of a kind, organisation by organisation, the oldest first.
func (o *Onlooker) EachEntry(ctx context.Context, kind string, each func(licensing.Entry) error) error {
	orgs, err := grouped(ctx, o.s.entries, with("kind", kind), "org")
	if err != nil {
		return err
	}
	for _, org := range orgs {
		var last kept
		for from, more := any(nil), true; more; from = last.Created {
			page, err := walk(ctx, o.s.entries, with("kind", kind, "org", org), "folded", licensing.Page{Limit: pageMost}, "created", false, from, last.Key,
				func(kept) string { return "more" }, func(d kept) kept { return d })
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

// Overdue counts, up to a hundred of each, what servers that run would have ended or tidied by the time before: requests under way, and
// entries whose time is over.
func (o *Onlooker) Overdue(ctx context.Context, before lease.Time) (n int, err error) {
	for _, left := range []struct {
		in   *mongo.Collection
		when string
	}{{o.s.activations, "open"}, {o.s.entries, "until"}} {
		found, err := find[bson.Raw](ctx, left.in, with(left.when, with("$lte", dateOf(before))), options.Find().SetLimit(sweepAtOnce).SetProjection(with("_id", 1)))
		if err != nil {
			return n, err
		}
		n += len(found)
	}
	return n, nil
}
