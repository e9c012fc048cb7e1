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

// All commands to MongoDB are sent by the functions of this file and by findPage. Each filter of a write begins with the equality of _id,
// so a sharded cluster sends it to one shard.

// date is an instant in milliseconds. As for lease.Time, the zero value means never.
type date = bson.DateTime

func dateOf(t lease.Time) date { return date(t) }
func timeOf(d date) lease.Time { return lease.Time(d) }

// newDoc returns a document of pairs of a name and a value: newDoc("_id", id, "org", org).
func newDoc(pairs ...any) bson.D {
	d := make(bson.D, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		d = append(d, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return d
}

// byID returns the filter of a write: the _id and further conditions.
func byID(id any, more ...any) bson.D { return append(newDoc("_id", id), newDoc(more...)...) }

// fields returns the members of a document except its _id, for $set.
func fields(document any) (bson.D, error) {
	var raw bytes.Buffer
	encoder := bson.NewEncoder(bson.NewDocumentWriter(&raw))
	encoder.UseJSONStructTags() // as the client does: policies have no other tags
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	var d bson.D
	if err := bson.Unmarshal(raw.Bytes(), &d); err != nil {
		return nil, err
	}
	return d[1:], nil
}

// insert adds a document. It returns ErrExists when its _id is taken.
func (s *Store) insert(ctx context.Context, c *mongo.Collection, document any) error {
	return s.runWrite(func() error {
		_, err := c.InsertOne(ctx, document)
		return err
	})
}

// updateOne updates the document that matches the filter, and reports whether there was one.
func (s *Store) updateOne(ctx context.Context, c *mongo.Collection, filter, update bson.D) (met bool, err error) {
	err = s.runWrite(func() error {
		result, err := c.UpdateOne(ctx, filter, update)
		met = err == nil && result.MatchedCount == 1
		return err
	})
	return met && err == nil, err
}

// upsert updates the document or creates it, and reports whether it created it. Of two upserts that create it at the same time MongoDB may
// refuse one, which is then repeated as an update.
func (s *Store) upsert(ctx context.Context, c *mongo.Collection, filter, update bson.D) (created bool, err error) {
	once := func() error {
		return s.runWrite(func() error {
			result, err := c.UpdateOne(ctx, filter, update, options.UpdateOne().SetUpsert(true))
			created = err == nil && result.UpsertedCount == 1
			return err
		})
	}
	err = once()
	if errors.Is(err, licensing.ErrExists) {
		err = once()
	}
	return created && err == nil, err
}

// deleteOne deletes the document that matches the filter, and reports whether there was one.
func (s *Store) deleteOne(ctx context.Context, c *mongo.Collection, filter bson.D) (met bool, err error) {
	err = s.runWrite(func() error {
		result, err := c.DeleteOne(ctx, filter)
		met = err == nil && result.DeletedCount == 1
		return err
	})
	return met && err == nil, err
}

// deleteMany deletes all documents that match the filter, each by its _id.
func (s *Store) deleteMany(ctx context.Context, c *mongo.Collection, filter bson.D) error {
	const atOnce = 1000
	for {
		ids, err := findAll[struct {
			ID string `bson:"_id"`
		}](ctx, c, filter, options.Find().SetProjection(newDoc("_id", 1)).SetLimit(atOnce))
		if err != nil || len(ids) == 0 {
			return err
		}
		filters := make([]bson.D, len(ids))
		for i, d := range ids {
			filters[i] = byID(d.ID)
		}
		if err := s.deleteEach(ctx, c, filters); err != nil || len(ids) < atOnce {
			return err
		}
	}
}

// deleteEach deletes the document of each filter, in one command.
func (s *Store) deleteEach(ctx context.Context, c *mongo.Collection, filters []bson.D) error {
	models := make([]mongo.WriteModel, len(filters))
	for i, f := range filters {
		models[i] = mongo.NewDeleteOneModel().SetFilter(f)
	}
	return s.runWrite(func() error {
		_, err := c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		return err
	})
}

// runWrite sends one write. Tests make it fail before or after the write, with the same effect as a process that dies there.
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

// findOne reads one document. It returns ErrNotFound when there is none.
func findOne[D any](ctx context.Context, c *mongo.Collection, filter bson.D, o ...options.Lister[options.FindOneOptions]) (d D, err error) {
	err = mapError(c.FindOne(ctx, filter, o...).Decode(&d))
	return d, err
}

// project returns the projection of a read that needs only these members.
func project(members ...string) *options.FindOneOptionsBuilder {
	d := bson.D{}
	for _, m := range members {
		d = append(d, bson.E{Key: m, Value: 1})
	}
	return options.FindOne().SetProjection(d)
}

// findAll reads all documents that match the filter.
func findAll[D any](ctx context.Context, c *mongo.Collection, filter bson.D, o ...options.Lister[options.FindOptions]) ([]D, error) {
	cursor, err := c.Find(ctx, filter, o...)
	if err != nil {
		return nil, mapError(err)
	}
	var all []D
	err = cursor.All(ctx, &all)
	return all, mapError(err)
}

// distinct returns the values of a member in the documents that match the filter, each once.
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

// exists reports whether a document matches the filter.
func exists(ctx context.Context, c *mongo.Collection, filter bson.D) (bool, error) {
	_, err := findOne[bson.Raw](ctx, c, filter, project("_id"))
	if errors.Is(err, licensing.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// staleOrNotFound returns the reason for which a conditional write of a document matched none.
func (s *Store) staleOrNotFound(ctx context.Context, c *mongo.Collection, id string) error {
	there, err := exists(ctx, c, byID(id))
	if err != nil || !there {
		return orNotFound(err)
	}
	return licensing.ErrStale
}

// parallel runs the reads at the same time and returns the error of the first one that failed, in their order.
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

// atBirth returns the condition that a document has the birth token. Documents of older versions have none, which is the empty token.
func atBirth(token string) bson.E {
	if token == "" {
		return bson.E{Key: "birth", Value: newDoc("$exists", false)}
	}
	return bson.E{Key: "birth", Value: token}
}

// newToken returns a random token that no other claim, pending release or document has.
func newToken() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
