package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/onelicense/onelicense/server/licensing"
)

// A name that must be unique is the _id of a document that states its owner. It is claimed before the record with the name is written, and
// released after the record has another name or is gone. A node that dies in between leaves a name that no record has. The next record that
// wants the name takes it over, after making sure that the former owner, if its node is only slow, can no longer write its record: a record
// that does not exist yet is barred by a tombstone under its _id, and of one that exists the revision is raised, which the slow edit
// states.

// uniqueName is the document of a name.
type uniqueName struct {
	ID         string `bson:"_id"`
	Owner      string `bson:"of"`
	Generation int64  `bson:"turn"` // raised each time that the owner claims it again: an older release does not apply
	ClaimedAt  date   `bson:"at"`
}

// namedDocument is the part of a record that concerns its name.
type namedDocument struct {
	NameKey  string `bson:"name_key"`
	Revision int64  `bson:"revision"`
}

func nameKey(kind, within, text string) string { return kind + ":" + within + ":" + text }

// claimName claims the name for a record that is, or will be, in the collection. It returns ErrExists when another record has it. It
// returns the claim, to be released if the record is not written; a zero one when the record had the name before.
func (s *Store) claimName(ctx context.Context, key, of string, in *mongo.Collection) (taken uniqueName, err error) {
	for {
		now := bson.NewDateTimeFromTime(s.now())
		taken := uniqueName{ID: key, Owner: of, ClaimedAt: now}
		err := s.insert(ctx, s.names, taken)
		if !errors.Is(err, licensing.ErrExists) {
			return taken, err
		}
		held, err := findOne[uniqueName](ctx, s.names, byID(key))
		if errors.Is(err, licensing.ErrNotFound) {
			continue // released meanwhile
		} else if err != nil {
			return uniqueName{}, err
		}
		if held.Owner == of {
			taken = uniqueName{}
		} else if bears, err := s.holdsName(ctx, held, in); err != nil {
			return uniqueName{}, err
		} else if bears {
			return uniqueName{}, licensing.ErrExists
		} else {
			taken.Generation = held.Generation + 1
		}
		if met, err := s.updateOne(ctx, s.names, byID(key, "of", held.Owner, "turn", held.Generation),
			newDoc("$set", newDoc("of", of, "at", now), "$inc", newDoc("turn", int64(1)))); met || err != nil {
			return taken, err
		}
	}
}

// insertNamed inserts a record that has a name. If it fails because the id is taken, the name is released.
func (s *Store) insertNamed(ctx context.Context, in *mongo.Collection, key, id string, record any) error {
	taken, err := s.claimName(ctx, key, id, in)
	if err != nil {
		return err
	}
	err = s.insert(ctx, in, record)
	if errors.Is(err, licensing.ErrExists) && taken.ID != "" {
		err = errors.Join(err, s.releaseName(ctx, taken))
	}
	return err
}

// holdsName reports whether the owner of a name has it or may still get it. After it has returned false the owner cannot get it any more.
func (s *Store) holdsName(ctx context.Context, held uniqueName, in *mongo.Collection) (bool, error) {
	for {
		record, err := findOne[namedDocument](ctx, in, byID(held.Owner))
		missing := errors.Is(err, licensing.ErrNotFound)
		switch {
		case err != nil && !missing:
			return true, err
		case !missing && record.NameKey == held.ID:
			return true, nil
		case s.now().Sub(held.ClaimedAt.Time()) < s.abandonedAfter: // its node is at work
			return true, nil
		case missing:
			err := s.insert(ctx, in, newDoc("_id", held.Owner, "barred", true))
			if !errors.Is(err, licensing.ErrExists) {
				return err != nil, err
			}
		default:
			met, err := s.updateOne(ctx, in, byID(held.Owner, "revision", record.Revision), newDoc("$inc", newDoc("revision", int64(1))))
			if met || err != nil {
				return err != nil, err
			}
		}
	}
}

// readName reads a name as it is before an edit that will give it up; zero if there is none.
func (s *Store) readName(ctx context.Context, key string) (uniqueName, error) {
	n, err := findOne[uniqueName](ctx, s.names, byID(key))
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return n, err
}

// releaseName releases a name that its owner no longer has, unless the owner has claimed it again since it was read.
func (s *Store) releaseName(ctx context.Context, n uniqueName) error {
	_, err := s.deleteOne(ctx, s.names, byID(n.ID, "of", n.Owner, "turn", n.Generation))
	return err
}
