package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
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

// Overdue counts, up to a hundred, the requests under way and the deletions that a sweep would have ended by the time before.
func (o *Onlooker) Overdue(ctx context.Context, before lease.Time) (int, error) {
	left, err := find[bson.Raw](ctx, o.s.activations, with("open", with("$lte", dateOf(before))), options.Find().SetLimit(sweepAtOnce).SetProjection(with("_id", 1)))
	return len(left), err
}
