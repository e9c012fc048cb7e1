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

// baseDocument is the part that the documents of the catalogue have in common.
type baseDocument struct {
	ID       string         `bson:"_id"`
	Org      string         `bson:"org"`
	NameKey  string         `bson:"name_key"` // _id of the document that makes the name unique; empty for a license
	Folded   string         `bson:"folded"`   // what searches look through
	Revision int64          `bson:"revision"`
	Created  date           `bson:"created"`
	Updated  date           `bson:"updated"`
	Metadata []metadataItem `bson:"metadata"`
}

// metadataItem is an item of the vendor's metadata. Its keys are free text, which names of members cannot be.
type metadataItem struct {
	Key   string `bson:"k"`
	Value string `bson:"v"`
}

func newBaseDocument(m licensing.Record, nameKey, folded string) baseDocument {
	d := baseDocument{ID: string(m.ID), Org: string(m.Organisation), NameKey: nameKey, Folded: folded, Revision: m.Revision,
		Created: dateOf(m.Created), Updated: dateOf(m.Updated)}
	if m.Metadata != nil {
		d.Metadata = []metadataItem{}
	}
	for _, k := range slices.Sorted(maps.Keys(m.Metadata)) {
		d.Metadata = append(d.Metadata, metadataItem{k, m.Metadata[k]})
	}
	return d
}

func (d baseDocument) record() licensing.Record {
	m := licensing.Record{ID: license.ID(d.ID), Organisation: license.ID(d.Org), Revision: d.Revision, Created: timeOf(d.Created),
		Updated: timeOf(d.Updated)}
	if d.Metadata != nil {
		m.Metadata = map[string]string{}
	}
	for _, e := range d.Metadata {
		m.Metadata[e.Key] = e.Value
	}
	return m
}

func (d baseDocument) position() (date, string) { return d.Created, d.ID }

// replaceRecord replaces a record that is still at the revision that the edit was made from. m points to the base of the document, whose
// revision it raises.
func (s *Store) replaceRecord(ctx context.Context, c *mongo.Collection, m *baseDocument, document any) error {
	m.Revision++
	members, err := fields(document)
	if err != nil {
		return err
	}
	return s.editRecord(ctx, c, m.ID, m.Org, m.NameKey, m.Revision-1, bson.D{{Key: "$set", Value: members}})
}

// editRecord updates a record that is still at the revision, and changes the name that it holds if nameKey is another one.
func (s *Store) editRecord(ctx context.Context, c *mongo.Collection, id, org, nameKey string, revision int64, update bson.D) error {
	present, err := findOne[namedDocument](ctx, c, newDoc("_id", id, "org", org), project("name_key", "revision"))
	switch {
	case err != nil:
		return err
	case present.Revision != revision:
		return licensing.ErrStale
	}
	var left, taken uniqueName
	if present.NameKey != nameKey {
		if left, err = s.readName(ctx, present.NameKey); err != nil {
			return err
		}
		if taken, err = s.claimName(ctx, nameKey, id, c); err != nil {
			return err
		}
	}
	met, err := s.updateOne(ctx, c, byID(id, "org", org, "revision", revision), update)
	if err != nil {
		return err
	}
	if !met {
		if taken.ID != "" {
			err = s.releaseName(ctx, taken)
		}
		return errors.Join(s.staleOrNotFound(ctx, c, id), err)
	}
	if left.ID != "" {
		return s.releaseName(ctx, left)
	}
	return nil
}

// A record is not deleted while it has dependent records, also when one is created at the same time. Each side announces itself before it
// looks for the other. A deletion marks the record, then looks for dependents, then deletes the record if the mark is still there. A
// creation writes the child, then reads the parent, removes a mark, and deletes the child again if the parent is gone.

// deleteLeaf deletes a record without dependent records. A node that dies may leave its mark behind, which has no effect by itself.
func (s *Store) deleteLeaf(ctx context.Context, c *mongo.Collection, org, id license.ID, revision int64, below *mongo.Collection,
	parent string) error {
	for {
		record, err := findOne[baseDocument](ctx, c, newDoc("_id", string(id), "org", string(org)), project("name_key", "revision"))
		switch {
		case err != nil:
			return err
		case revision != 0 && record.Revision != revision:
			return licensing.ErrStale
		}
		mark := newToken()
		if met, err := s.updateOne(ctx, c, byID(string(id), "org", string(org)), newDoc("$set", newDoc("leaving", mark))); err != nil {
			return err
		} else if !met {
			return licensing.ErrNotFound
		}
		if used, err := exists(ctx, below, newDoc(parent, string(id))); err != nil {
			return err
		} else if used {
			_, err := s.updateOne(ctx, c, byID(string(id), "leaving", mark), newDoc("$unset", newDoc("leaving", "")))
			return errors.Join(err, licensing.ErrInUse)
		}
		met, err := s.deleteOne(ctx, c, append(byID(string(id), "leaving", mark), atRevision(revision)...))
		if err != nil {
			return err
		}
		if met {
			_, err := s.deleteOne(ctx, s.names, byID(record.NameKey, "of", string(id)))
			return err
		}
	}
}

// atRevision returns the condition that a record has the given revision; revision 0 accepts any.
func atRevision(revision int64) bson.D {
	if revision == 0 {
		return nil
	}
	return newDoc("revision", revision)
}

// verifyParent makes sure that the parent of a child that was just written stays. It returns ErrNotFound when the parent is gone.
func (s *Store) verifyParent(ctx context.Context, c *mongo.Collection, id string) error {
	for {
		parent, err := findOne[struct{ Org, Leaving string }](ctx, c, newDoc("_id", id), project("org", "leaving"))
		if err == nil && parent.Org == "" {
			err = licensing.ErrNotFound
		}
		if err != nil || parent.Leaving == "" {
			return err
		}
		if _, err := s.updateOne(ctx, c, byID(id, "leaving", parent.Leaving), newDoc("$unset", newDoc("leaving", ""))); err != nil {
			return err
		}
	}
}
