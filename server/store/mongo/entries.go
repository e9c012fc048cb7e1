package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// entryDocument is the document of an entry. Its _id is the kind and the id. due and until are left out when they are 0, so that their
// sparse indexes contain only entries that have them.
type entryDocument struct {
	Key      string `bson:"_id"`
	Kind     string `bson:"kind"`
	ID       string `bson:"id"`
	Org      string `bson:"org"`
	List     string `bson:"list"`
	Search   string `bson:"search"`
	Folded   string `bson:"folded"`
	Revision int64  `bson:"revision"`
	Created  date   `bson:"created"`
	Due      date   `bson:"due,omitempty"`
	Until    date   `bson:"until,omitempty"`
	Body     []byte `bson:"body"`
}

func entryID(kind, id string) string { return kind + ":" + id }

func newEntryDocument(e licensing.Entry) entryDocument {
	return entryDocument{entryID(e.Kind, e.ID), e.Kind, e.ID, string(e.Org), e.List, e.Search, foldCase(e.Search), e.Revision,
		dateOf(e.Created), dateOf(e.Due), dateOf(e.Until), e.Body}
}

func (d entryDocument) record() licensing.Entry {
	return licensing.Entry{Kind: d.Kind, ID: d.ID, Org: license.ID(d.Org), List: d.List, Search: d.Search, Revision: d.Revision,
		Created: timeOf(d.Created), Due: timeOf(d.Due), Until: timeOf(d.Until), Body: d.Body}
}

func (d entryDocument) position() (date, string) { return d.Created, d.Key }

// CreateEntry implements licensing.EntryStore, as do the exported methods below.
func (s *Store) CreateEntry(ctx context.Context, e licensing.Entry) error {
	if err := e.Check(); err != nil {
		return err
	}
	e.Revision = 1
	return s.insert(ctx, s.entries, newEntryDocument(e))
}

// Entry implements licensing.EntryStore.
func (s *Store) Entry(ctx context.Context, kind, id string) (licensing.Entry, error) {
	d, err := findOne[entryDocument](ctx, s.entries, byID(entryID(kind, id)))
	return d.record(), err
}

// ReplaceEntry implements licensing.EntryStore.
func (s *Store) ReplaceEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	if err := e.Check(); err != nil {
		return e, err
	}
	held, err := s.Entry(ctx, e.Kind, e.ID)
	switch {
	case err != nil:
		return e, err
	case held.Revision != e.Revision:
		return e, licensing.ErrStale
	}
	e.Org, e.List, e.Created = held.Org, held.List, held.Created
	d := newEntryDocument(e)
	set := newDoc("search", d.Search, "folded", d.Folded, "revision", e.Revision+1, "body", d.Body)
	unset := bson.D{}
	for _, when := range []struct {
		member string
		at     date
	}{{"due", d.Due}, {"until", d.Until}} {
		if when.at != 0 {
			set = append(set, bson.E{Key: when.member, Value: when.at})
		} else {
			unset = append(unset, bson.E{Key: when.member, Value: ""})
		}
	}
	update := newDoc("$set", set)
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	if met, err := s.updateOne(ctx, s.entries, byID(d.Key, "revision", e.Revision), update); err != nil {
		return e, err
	} else if !met {
		return e, s.staleOrNotFound(ctx, s.entries, d.Key)
	}
	e.Revision++
	return e, nil
}

// DeleteEntry implements licensing.EntryStore.
func (s *Store) DeleteEntry(ctx context.Context, kind, id string, revision int64) error {
	filter := byID(entryID(kind, id))
	if revision != 0 {
		filter = byID(entryID(kind, id), "revision", revision)
	}
	met, err := s.deleteOne(ctx, s.entries, filter)
	if err != nil || met {
		return err
	}
	return s.staleOrNotFound(ctx, s.entries, entryID(kind, id))
}

// Entries implements licensing.EntryStore.
func (s *Store) Entries(ctx context.Context, kind string, org license.ID, in string,
	page licensing.Page) (licensing.Listing[licensing.Entry], error) {
	filter := newDoc("kind", kind, "org", string(org))
	if in != "" {
		filter = append(filter, bson.E{Key: "list", Value: in})
	}
	return listNewest(ctx, s.entries, filter, "folded", page, entryDocument.record)
}

// DueEntries implements licensing.EntryStore.
func (s *Store) DueEntries(ctx context.Context, kind string, now lease.Time, limit int) ([]licensing.Entry, error) {
	documents, err := findAll[entryDocument](ctx, s.entries, newDoc("kind", kind, "due", newDoc("$lte", dateOf(now))),
		options.Find().SetSort(newDoc("due", 1, "_id", 1)).SetLimit(int64(limit)))
	due := make([]licensing.Entry, len(documents))
	for i, d := range documents {
		due[i] = d.record()
	}
	return due, err
}

// DeleteExpiredEntries implements licensing.EntryStore.
func (s *Store) DeleteExpiredEntries(ctx context.Context, now lease.Time) error {
	return s.deleteMany(ctx, s.entries, newDoc("until", newDoc("$lte", dateOf(now))))
}
