package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/server/licensing"
)

// migrations lead from an empty database to the present schema; the number of those applied is its version. Released migrations are never
// changed; new ones are appended. Several nodes may start at the same time, and one may die in the middle: each step must be correct when
// it is repeated, and when two nodes run it at the same time.
var migrations = []func(context.Context, *Store) error{
	indexes,
	entryIndexes,
	foldActivationNames,
	memberLists,
	listIndexes,
	migrateZeroLimits,
}

// migrate applies the missing migrations. It returns an error when the data has a newer schema than steps.
func (s *Store) migrate(ctx context.Context, steps []func(context.Context, *Store) error) error {
	const id = "schema"
	schema, err := findOne[struct{ Version int64 }](ctx, s.settings, byID(id))
	if errors.Is(err, licensing.ErrNotFound) {
		_, err = s.upsert(ctx, s.settings, byID(id), newDoc("$setOnInsert", newDoc("version", int64(0))))
	}
	if err != nil {
		return fmt.Errorf("reading the schema version: %w", err)
	}
	if schema.Version > int64(len(steps)) {
		return fmt.Errorf("the data has schema version %d, this program knows versions up to %d: use the newer program", schema.Version,
			len(steps))
	}
	for v := schema.Version; v < int64(len(steps)); v++ {
		if err := steps[v](ctx, s); err != nil {
			return fmt.Errorf("changing the schema to version %d: %w", v+1, err)
		}
		if _, err := s.updateOne(ctx, s.settings, byID(id, "version", v), newDoc("$set", newDoc("version", v+1))); err != nil {
			return fmt.Errorf("changing the schema to version %d: %w", v+1, err)
		}
	}
	return nil
}

// index is an index for lists and searches. None is unique: on a sharded cluster only _id could be.
type index struct {
	collection *mongo.Collection
	keys       bson.D
	sparse     bool
}

func newestFirstIndex(parents ...string) bson.D {
	var keys bson.D
	for _, p := range parents {
		keys = append(keys, bson.E{Key: p, Value: 1})
	}
	return append(keys, newDoc("created", -1, "_id", -1)...)
}

func indexes(ctx context.Context, s *Store) error {
	return createIndexes(ctx, []index{
		{s.products, newestFirstIndex("org"), false},
		{s.versions, newestFirstIndex("product"), false},
		{s.licenses, newestFirstIndex("version"), false},
		{s.activations, newestFirstIndex("license"), false},
		{s.activations, newDoc("open", 1), true},
		{s.pools, newDoc("license", 1), false},
		{s.pools, newDoc("pool", 1, "used", 1), false},
		{s.pools, newDoc("pool", 1, "next", 1), false},
		{s.sessions, newDoc("member", 1), false},
		{s.sessions, newDoc("expires", 1), false},
	})
}

func entryIndexes(ctx context.Context, s *Store) error {
	return createIndexes(ctx, []index{
		{s.entries, newestFirstIndex("kind", "org"), false},
		{s.entries, newestFirstIndex("kind", "org", "list"), false},
		{s.entries, newDoc("due", 1), true},
		{s.entries, newDoc("until", 1), true},
	})
}

// foldActivationNames sets what searches look through in activations from before they had names.
func foldActivationNames(ctx context.Context, s *Store) error {
	for {
		some, err := findAll[activation](ctx, s.activations, newDoc("folded", newDoc("$exists", false)),
			options.Find().SetProjection(newDoc("activation", 1)).SetLimit(1000))
		if err != nil || len(some) == 0 {
			return err
		}
		for _, a := range some {
			if _, err := s.updateOne(ctx, s.activations, byID(a.ID, "folded", newDoc("$exists", false)),
				newDoc("$set", newDoc("folded", a.Activation))); err != nil {
				return err
			}
		}
	}
}

// memberLists creates the index of an organisation's members, and sets what searches look through in those that have none.
func memberLists(ctx context.Context, s *Store) error {
	old, err := findAll[member](ctx, s.members, newDoc("folded", newDoc("$exists", false), "org", newDoc("$exists", true)))
	if err != nil {
		return err
	}
	for _, d := range old {
		if _, err := s.updateOne(ctx, s.members, byID(d.ID), newDoc("$set", newDoc("folded", foldedMember(d.record())))); err != nil {
			return err
		}
	}
	return createIndexes(ctx, []index{{s.members, newestFirstIndex("org"), false}})
}

func createIndexes(ctx context.Context, all []index) error {
	for _, i := range all {
		model := mongo.IndexModel{Keys: i.keys}
		if i.sparse {
			model.Options = options.Index().SetSparse(true)
		}
		if _, err := i.collection.Indexes().CreateOne(ctx, model); err != nil {
			return fmt.Errorf("indexing %s: %w", i.collection.Name(), mapError(err))
		}
	}
	return nil
}
