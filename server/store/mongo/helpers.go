package mongo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// All that is ever sent to MongoDB goes through the functions of this file and list. Each filter of a write begins with the equality of _id,
// so a sharded cluster sends it to one shard.

// date is an instant with milliseconds; the zero value is left out, as lease.Time 0 means never.
type date = bson.DateTime

func dateOf(t lease.Time) date { return date(t) }
func timeOf(d date) lease.Time { return lease.Time(d) }

// newDoc is a document in short: with("_id", id, "org", org).
func newDoc(pairs ...any) bson.D {
	d := make(bson.D, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return d
}

// byID is the filter of a write, and more conditions that must hold.
func byID(id any, more ...any) bson.D { return append(newDoc("_id", id), newDoc(more...)...) }

// fields is a document's members but for its _id, to be $set.
func fields(document any) (bson.D, error) {
	var raw bytes.Buffer
	encoder := bson.NewEncoder(bson.NewDocumentWriter(&raw))
	encoder.UseJSONStructTags() // as the client does: policies have only those
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	var d bson.D
	if err := bson.Unmarshal(raw.Bytes(), &d); err != nil {
		return nil, err
	}
	return d[1:], nil
}

// insert adds a document; ErrExists when its _id is taken.
func (s *Store) insert(ctx context.Context, c *mongo.Collection, document any) error {
	return s.runWrite(func() error {
		_, err := c.InsertOne(ctx, document)
		return err
	})
}

// updateOne updates the one document that the filter meets and tells whether there was one.
func (s *Store) updateOne(ctx context.Context, c *mongo.Collection, filter, update bson.D) (met bool, err error) {
	err = s.runWrite(func() error {
		result, err := c.UpdateOne(ctx, filter, update)
		met = err == nil && result.MatchedCount == 1
		return err
	})
	return met && err == nil, err
}

// upsert updates the document or makes it. Of two that make it at a time MongoDB may refuse one, which then finds it made.
func (s *Store) upsert(ctx context.Context, c *mongo.Collection, filter, update bson.D) error {
	once := func() error {
		return s.runWrite(func() error {
			_, err := c.UpdateOne(ctx, filter, update, options.UpdateOne().SetUpsert(true))
			return err
		})
	}
	err := once()
	if errors.Is(err, licensing.ErrExists) {
		err = once()
	}
	return err
}

// deleteOne deletes the one document that the filter meets and tells whether there was one.
func (s *Store) deleteOne(ctx context.Context, c *mongo.Collection, filter bson.D) (met bool, err error) {
	err = s.runWrite(func() error {
		result, err := c.DeleteOne(ctx, filter)
		met = err == nil && result.DeletedCount == 1
		return err
	})
	return met && err == nil, err
}

// deleteMany deletes all documents that the filter meets, each by its _id.
func (s *Store) deleteMany(ctx context.Context, c *mongo.Collection, filter bson.D) error {
	const atOnce = 1000
	for {
		ids, err := findAll[struct {
			ID string `bson:"_id"`
		}](ctx, c, filter, options.Find().SetProjection(newDoc("_id", 1)).SetLimit(atOnce))
		if err != nil || len(ids) == 0 {
			return err
		}
		models := make([]mongo.WriteModel, len(ids))
		for i, d := range ids {
			models[i] = mongo.NewDeleteOneModel().SetFilter(byID(d.ID))
		}
		if err := s.runWrite(func() error {
			_, err := c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
			return err
		}); err != nil || len(ids) < atOnce {
			return err
		}
	}
}

// runWrite sends one write. Tests let it fail before and after: a process that dies there has the same effect.
func (s *Store) runWrite(send func() error) error {
	if s.onWrite != nil {
		if err := s.onWrite(); err != nil {
			return err
		}
	}
	err := mapError(send())
	if s.onWrite != nil {
		if err := s.onWrite(); err != nil {
			return err
		}
	}
	return err
}

// findOne reads one document; ErrNotFound when there is none.
func findOne[D any](ctx context.Context, c *mongo.Collection, filter bson.D, o ...options.Lister[options.FindOneOptions]) (d D, err error) {
	err = mapError(c.FindOne(ctx, filter, o...).Decode(&d))
	return d, err
}

// project is the projection of a read that needs just these members.
func project(members ...string) *options.FindOneOptionsBuilder {
	d := bson.D{}
	for _, m := range members {
		d = append(d, bson.E{Key: m, Value: 1})
	}
	return options.FindOne().SetProjection(d)
}

// findAll reads all documents that the filter meets.
func findAll[D any](ctx context.Context, c *mongo.Collection, filter bson.D, o ...options.Lister[options.FindOptions]) ([]D, error) {
	cursor, err := c.Find(ctx, filter, o...)
	if err != nil {
		return nil, mapError(err)
	}
	var all []D
	err = cursor.All(ctx, &all)
	return all, mapError(err)
}

// distinct is the values of a member in the documents that the filter meets, each once.
func distinct(ctx context.Context, c *mongo.Collection, filter bson.D, member string) ([]string, error) {
	cursor, err := c.Aggregate(ctx, mongo.Pipeline{newDoc("$match", filter), newDoc("$group", newDoc("_id", "$"+member))})
	if err != nil {
		return nil, mapError(err)
	}
	var groups []struct {
		ID string `bson:"_id"`
	}
	if err := cursor.All(ctx, &groups); err != nil {
		return nil, mapError(err)
	}
	values := make([]string, len(groups))
	for i, g := range groups {
		values[i] = g.ID
	}
	return values, nil
}

// exists tells whether the filter meets a document.
func exists(ctx context.Context, c *mongo.Collection, filter bson.D) (bool, error) {
	_, err := findOne[bson.Raw](ctx, c, filter, project("_id"))
	if errors.Is(err, licensing.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// staleOrNotFound tells why a conditional write of a document met none.
func (s *Store) staleOrNotFound(ctx context.Context, c *mongo.Collection, id string) error {
	there, err := exists(ctx, c, byID(id))
	if err != nil || !there {
		return orNotFound(err)
	}
	return licensing.ErrStale
}

// parallel runs reads side by side and returns the first's error of those that failed.
func parallel(reads ...func() error) error {
	errs := make([]error, len(reads))
	var all sync.WaitGroup
	for i, read := range reads[1:] {
		all.Go(func() { errs[i+1] = read() })
	}
	errs[0] = reads[0]()
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// newToken makes a name for one piece of work that nothing else ever has.
func newToken() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
