package mongo

import (
	"context"
	"errors"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// meta is what all records of the catalogue have.
type meta struct {
	ID       string  `bson:"_id"`
	Org      string  `bson:"org"`
	NameKey  string  `bson:"name_key"` // of the document that makes the name unique; empty for a license
	Folded   string  `bson:"folded"`   // what a search looks through
	Revision int64   `bson:"revision"`
	Created  date    `bson:"created"`
	Updated  date    `bson:"updated"`
	Metadata []entry `bson:"metadata"`
}

// entry of the vendor's metadata. Its keys are free text, which names of members are not.
type entry struct {
	Key   string `bson:"k"`
	Value string `bson:"v"`
}

func metaOf(m licensing.Meta, nameKey, folded string) meta {
	d := meta{ID: string(m.ID), Org: string(m.Organisation), NameKey: nameKey, Folded: folded, Revision: m.Revision,
		Created: dateOf(m.Created), Updated: dateOf(m.Updated)}
	if m.Metadata != nil {
		d.Metadata = []entry{}
	}
	for _, k := range slices.Sorted(maps.Keys(m.Metadata)) {
		d.Metadata = append(d.Metadata, entry{k, m.Metadata[k]})
	}
	return d
}

func (d meta) record() licensing.Meta {
	m := licensing.Meta{ID: license.ID(d.ID), Organisation: license.ID(d.Org), Revision: d.Revision, Created: timeOf(d.Created), Updated: timeOf(d.Updated)}
	if d.Metadata != nil {
		m.Metadata = map[string]string{}
	}
	for _, e := range d.Metadata {
		m.Metadata[e.Key] = e.Value
	}
	return m
}

func (d meta) place() (date, string) { return d.Created, d.ID }

// update replaces a record that is still at the revision which the edit was made from; m is the document's meta.
func (s *Store) update(ctx context.Context, c *mongo.Collection, m *meta, document any) error {
	m.Revision++
	members, err := fields(document)
	if err != nil {
		return err
	}
	return s.edit(ctx, c, m.ID, m.Org, m.NameKey, m.Revision-1, bson.D{{Key: "$set", Value: members}})
}

// edit changes a record that is still at the revision, and gives it the name of that key if it has another one.
func (s *Store) edit(ctx context.Context, c *mongo.Collection, id, org, nameKey string, revision int64, update bson.D) error {
	present, err := one[bearer](ctx, c, with("_id", id, "org", org), only("name_key", "revision"))
	switch {
	case err != nil:
		return err
	case present.Revision != revision:
		return licensing.ErrStale
	}
	var left, taken name
	if present.NameKey != nameKey {
		if left, err = s.held(ctx, present.NameKey); err != nil {
			return err
		}
		if taken, err = s.take(ctx, nameKey, id, c); err != nil {
			return err
		}
	}
	met, err := s.change(ctx, c, byID(id, "org", org, "revision", revision), update)
	if err != nil {
		return err
	}
	if !met {
		if taken.ID != "" {
			err = s.release(ctx, taken)
		}
		return errors.Join(s.staleOrGone(ctx, c, id), err)
	}
	if left.ID != "" {
		return s.release(ctx, left)
	}
	return nil
}

// A record is not deleted while there are others below it, whoever makes one at the same time. The two sides each say what they are doing
// before they look for the other: a deletion marks the record, then looks below it, then deletes it if the mark is still there; a creation
// writes the child, then looks at the parent, wipes a mark off, and takes the child back if the parent is gone.

// erase deletes a record that has none below it. Its mark may be left behind by a node that dies; it means nothing by itself.
func (s *Store) erase(ctx context.Context, c *mongo.Collection, org, id license.ID, revision int64, below *mongo.Collection, parent string) error {
	for {
		record, err := one[meta](ctx, c, with("_id", string(id), "org", string(org)), only("name_key", "revision"))
		switch {
		case err != nil:
			return err
		case revision != 0 && record.Revision != revision:
			return licensing.ErrStale
		}
		mark := newMark()
		if met, err := s.change(ctx, c, byID(string(id), "org", string(org)), with("$set", with("leaving", mark))); err != nil {
			return err
		} else if !met {
			return licensing.ErrNotFound
		}
		if used, err := exists(ctx, below, with(parent, string(id))); err != nil {
			return err
		} else if used {
			_, err := s.change(ctx, c, byID(string(id), "leaving", mark), with("$unset", with("leaving", "")))
			return errors.Join(err, licensing.ErrInUse)
		}
		met, err := s.remove(ctx, c, append(byID(string(id), "leaving", mark), atRevision(revision)...))
		if err != nil {
			return err
		}
		if met {
			_, err := s.remove(ctx, s.names, byID(record.NameKey, "of", string(id)))
			return err
		}
	}
}

// atRevision is the condition that a record has the given revision; 0: any.
func atRevision(revision int64) bson.D {
	if revision == 0 {
		return nil
	}
	return with("revision", revision)
}

// stays makes sure that a parent outlives the child which was just written; ErrNotFound when it does not.
func (s *Store) stays(ctx context.Context, c *mongo.Collection, id string) error {
	for {
		parent, err := one[struct{ Org, Leaving string }](ctx, c, with("_id", id), only("org", "leaving"))
		if err == nil && parent.Org == "" {
			err = licensing.ErrNotFound
		}
		if err != nil || parent.Leaving == "" {
			return err
		}
		if _, err := s.change(ctx, c, byID(id, "leaving", parent.Leaving), with("$unset", with("leaving", ""))); err != nil {
			return err
		}
	}
}
