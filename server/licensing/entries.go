package licensing

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Entry is a record that needs nothing of a store but to be kept, found and changed by one hand at a time: an invitation, a token, a
// webhook and its deliveries, a line of the audit log. What stands in its body is known only to the package that owns its kind.
type Entry struct {
	Kind     string     // what it is: lower-case letters and underscores; one package owns each kind
	ID       string     // unique within the kind, for it is the key: random, a hash, or the very thing that must be unique
	Org      license.ID // whose it is; empty: the server's own
	List     string     // the list it stands in, among its organisation's of this kind
	Search   string     // what a search looks through
	Revision int64      // 1 when it is made, raised by each change
	Created  lease.Time
	Due      lease.Time // when something is to be done about it; 0: never
	Until    lease.Time // from then on it may be forgotten; 0: it stays
	Body     []byte
}

// Limits of an entry.
const (
	MaxEntryID   = 200     // bytes
	MaxEntryBody = 1 << 20 // bytes
)

// EntryStore keeps entries. There is one way to change an entry: read it, and replace it if it still has the revision that was read.
type EntryStore interface {
	// CreateEntry refuses a second entry with this kind and id with ErrExists.
	CreateEntry(context.Context, Entry) error
	// Entry gives it to whoever knows its id, also after its Until; OrgEntry is for ids that strangers may choose.
	Entry(ctx context.Context, kind, id string) (Entry, error)
	// ReplaceEntry changes Search, Due, Until and Body and raises the revision, if it is still the given one: else ErrStale.
	ReplaceEntry(context.Context, Entry) (Entry, error)
	// DeleteEntry wants the given revision, or with 0 any.
	DeleteEntry(ctx context.Context, kind, id string, revision int64) error
	// Entries lists those of the organisation that stand in the list, or with an empty name in any, newest first. Entries of one list
	// that were made in the same millisecond stand in any order.
	Entries(ctx context.Context, kind string, org license.ID, list string, page Page) (Listing[Entry], error)
	// DueEntries gives those of all organisations that are due, the longest overdue first.
	DueEntries(ctx context.Context, kind string, now lease.Time, limit int) ([]Entry, error)
	// DeleteExpiredEntries forgets the entries whose Until has come.
	DeleteExpiredEntries(ctx context.Context, now lease.Time) error
}

// OrgEntry is an entry of the organisation; ErrNotFound when it is another's.
func OrgEntry(ctx context.Context, store EntryStore, org license.ID, kind, id string) (Entry, error) {
	e, err := store.Entry(ctx, kind, id)
	if err == nil && e.Org != org {
		return Entry{}, ErrNotFound
	}
	return e, err
}

// Check holds an entry to what a store can keep; each store calls it before it writes.
func (e Entry) Check() error {
	switch {
	case e.Kind == "" || strings.Trim(e.Kind, "abcdefghijklmnopqrstuvwxyz_") != "":
		return NewInvalid("kind", "is %q, not lower-case letters and underscores", e.Kind)
	case e.ID == "" || len(e.ID) > MaxEntryID || !utf8.ValidString(e.ID):
		return NewInvalid("id", "has %d bytes, 1 to %d of UTF-8 are allowed", len(e.ID), MaxEntryID)
	case len(e.Body) > MaxEntryBody:
		return NewInvalid("body", "has %d bytes, at most %d are allowed", len(e.Body), MaxEntryBody)
	}
	return nil
}

// DeleteEntries deletes the entries of a list. What a crash leaves behind belongs to nothing and is shown to nobody.
func DeleteEntries(ctx context.Context, store EntryStore, kind string, org license.ID, list string) error {
	for {
		found, err := store.Entries(ctx, kind, org, list, Page{Limit: 200})
		if err != nil || len(found.Items) == 0 {
			return err
		}
		for _, e := range found.Items {
			if err := store.DeleteEntry(ctx, kind, e.ID, 0); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
	}
}
