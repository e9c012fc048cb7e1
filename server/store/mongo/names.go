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

// name is such a document.
type name struct {
	ID   string `bson:"_id"`
	Of   string `bson:"of"`
	Turn int64  `bson:"turn"` // raised each time the holder takes it again: an older release does not apply
	At   date   `bson:"at"`
}

// bearer is what a record with a name has in common with others.
type bearer struct {
	NameKey  string `bson:"name_key"`
	Revision int64  `bson:"revision"`
}

func nameKey(kind, within, text string) string { return kind + ":" + within + ":" + text }

// take makes the name the record's, which is in, or will be in, the collection; ErrExists when another bears it. It gives the name as it
// was taken, to be let go if nothing comes of it; none when the record had it before.
func (s *Store) take(ctx context.Context, key, of string, in *mongo.Collection) (taken name, err error) {
	for {
		now := bson.NewDateTimeFromTime(s.now())
		taken := name{ID: key, Of: of, At: now}
		err := s.insert(ctx, s.names, taken)
		if !errors.Is(err, licensing.ErrExists) {
			return taken, err
		}
		held, err := one[name](ctx, s.names, byID(key))
		if errors.Is(err, licensing.ErrNotFound) {
			continue // let go meanwhile
		} else if err != nil {
			return name{}, err
		}
		if held.Of == of {
			taken = name{}
		} else if bears, err := s.bears(ctx, held, in); err != nil {
			return name{}, err
		} else if bears {
			return name{}, licensing.ErrExists
		} else {
			taken.Turn = held.Turn + 1
		}
		if met, err := s.change(ctx, s.names, byID(key, "of", held.Of, "turn", held.Turn),
			with("$set", with("of", of, "at", now), "$inc", with("turn", int64(1)))); met || err != nil {
			return taken, err
		}
	}
}

// named makes a record that bears a name. One that is not made, because its id is another's, leaves the name.
func (s *Store) named(ctx context.Context, in *mongo.Collection, key, id string, record any) error {
	taken, err := s.take(ctx, key, id, in)
	if err != nil {
		return err
	}
	err = s.insert(ctx, in, record)
	if errors.Is(err, licensing.ErrExists) && taken.ID != "" {
		err = errors.Join(err, s.release(ctx, taken))
	}
	return err
}

// bears tells whether the holder of a name bears it or may still come to bear it. After a no it cannot any more.
func (s *Store) bears(ctx context.Context, held name, in *mongo.Collection) (bool, error) {
	for {
		record, err := one[bearer](ctx, in, byID(held.Of))
		missing := errors.Is(err, licensing.ErrNotFound)
		switch {
		case err != nil && !missing:
			return true, err
		case !missing && record.NameKey == held.ID:
			return true, nil
		case s.now().Sub(held.At.Time()) < s.patience: // it is at work
			return true, nil
		case missing:
			err := s.insert(ctx, in, with("_id", held.Of, "barred", true))
			if !errors.Is(err, licensing.ErrExists) {
				return err != nil, err
			}
		default:
			met, err := s.change(ctx, in, byID(held.Of, "revision", record.Revision), with("$inc", with("revision", int64(1))))
			if met || err != nil {
				return err != nil, err
			}
		}
	}
}

// held reads a name as it is before an edit that will leave it.
func (s *Store) held(ctx context.Context, key string) (name, error) {
	n, err := one[name](ctx, s.names, byID(key))
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return n, err
}

// release lets a name go that its holder bears no more, unless the holder has taken it again since it was read.
func (s *Store) release(ctx context.Context, n name) error {
	_, err := s.remove(ctx, s.names, byID(n.ID, "of", n.Of, "turn", n.Turn))
	return err
}
