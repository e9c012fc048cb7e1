package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/onelicense/onelicense/server/licensing"
)

// A name that must be unique is the _id of a document that says whose it is. It is taken before the record that bears it is written, and
// let go after that record has another one or is gone. A node that dies in between leaves a name that nobody bears; whoever wants it
// takes it over, having first made sure that the former holder, if it is only slow, cannot write its record any more: a record that is
// not there yet is barred by a tombstone under its _id, one that is there by raising its revision, which the slow edit names.

// uniqueName is such a document.
type uniqueName struct {
	ID         string `bson:"_id"`
	Owner      string `bson:"of"`
	Generation int64  `bson:"turn"` // raised each time the holder takes it again: an older release does not apply
	ClaimedAt  date   `bson:"at"`
}

// namedDocument is what a record with a name has in common with others.
type namedDocument struct {
	NameKey  string `bson:"name_key"`
	Revision int64  `bson:"revision"`
}

func nameKey(kind, within, text string) string { return kind + ":" + within + ":" + text }

// claimName makes the name the record's, which is in, or will be in, the collection; ErrExists when another bears it. It gives the name as it
// was taken, to be let go if nothing comes of it; none when the record had it before.
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
			continue // let go meanwhile
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

// insertNamed makes a record that bears a name. One that is not made, because its id is another's, leaves the name.
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

// holdsName tells whether the holder of a name bears it or may still come to bear it. After a no it cannot any more.
func (s *Store) holdsName(ctx context.Context, held uniqueName, in *mongo.Collection) (bool, error) {
	for {
		record, err := findOne[namedDocument](ctx, in, byID(held.Owner))
		missing := errors.Is(err, licensing.ErrNotFound)
		switch {
		case err != nil && !missing:
			return true, err
		case !missing && record.NameKey == held.ID:
			return true, nil
		case s.now().Sub(held.ClaimedAt.Time()) < s.abandonedAfter: // it is at work
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

// readName reads a name as it is before an edit that will leave it.
func (s *Store) readName(ctx context.Context, key string) (uniqueName, error) {
	n, err := findOne[uniqueName](ctx, s.names, byID(key))
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return n, err
}

// releaseName lets a name go that its holder bears no more, unless the holder has taken it again since it was read.
func (s *Store) releaseName(ctx context.Context, n uniqueName) error {
	_, err := s.deleteOne(ctx, s.names, byID(n.ID, "of", n.Owner, "turn", n.Generation))
	return err
}
