package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// migrateZeroLimits gives 0 in a limit one meaning: none is allowed. Until then it meant no limit for machines and moves, which is -1 from
// here on. A policy of a time before these members had no limit. Members that were empty get the
// default that they had.
//
// It leaves alone what was edited after it began: another node may have come to the end of this step before, and a vendor may have chosen
// 0.
func migrateZeroLimits(ctx context.Context, s *Store) error {
	begun := bson.NewDateTimeFromTime(time.Now())
	for _, change := range []struct {
		collection *mongo.Collection
		member     string
		before     bson.A // null is also a member that is absent
		after      any
	}{
		{s.versions, "policy.max_machines", bson.A{int64(0), nil}, int64(-1)},
		{s.versions, "policy.move_limit", bson.A{int64(0), nil}, int64(-1)},
		{s.versions, "policy.fingerprint_action", bson.A{"", nil}, "report"},
		{s.versions, "policy.clone_action", bson.A{"", nil}, "refuse"},
		{s.versions, "policy.clone_limit", bson.A{int64(0), nil}, int64(2)},
		{s.licenses, "overrides.max_machines", bson.A{int64(0)}, int64(-1)},
		{s.licenses, "overrides.move_limit", bson.A{int64(0)}, int64(-1)},
	} {
		old := newDoc(change.member, newDoc("$in", change.before), "updated", newDoc("$lte", begun))
		some, err := findAll[struct {
			ID string `bson:"_id"`
		}](ctx, change.collection, old, options.Find().SetProjection(newDoc("_id", 1)))
		if err != nil {
			return err
		}
		for _, d := range some {
			if _, err := s.updateOne(ctx, change.collection, append(byID(d.ID), old...),
				newDoc("$set", newDoc(change.member, change.after))); err != nil {
				return err
			}
		}
	}
	return nil
}
