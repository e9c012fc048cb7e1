package licensing

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Entry is a generic record that a store keeps, lists and changes with optimistic locking: an invitation, a token, a webhook delivery, a
// line of the audit log. Only the package that owns its kind interprets the body.
type Entry struct {
	Kind     string     // lower-case letters and underscores; one package owns each kind
	ID       string     // unique within the kind: random, a hash, or a value that must be unique
	Org      license.ID // owner; empty: the server itself
	List     string     // name of the list it belongs to, among the organisation's entries of this kind
	Search   string     // text that searches look through
	Revision int64      // 1 at creation, raised by each change
	Created  lease.Time
	Due      lease.Time // when it is to be processed (DueEntries); 0: never
	Until    lease.Time // from then on it may be deleted; 0: it is kept
	Body     []byte
}

// Limits of an entry.
const (
	MaxEntryID   = 200     // bytes
	MaxEntryBody = 1 << 20 // bytes
)

// EntryStore stores entries. An entry is changed by reading it and replacing it, which fails if another change came first.
type EntryStore interface {
	// CreateEntry returns ErrExists if there is an entry with this kind and id.
	CreateEntry(context.Context, Entry) error
	// Entry returns an entry of any organisation, also after its Until; use OrgEntry for ids that come from a client.
	Entry(ctx context.Context, kind, id string) (Entry, error)
	// ReplaceEntry changes Search, Due, Until and Body and raises the revision; ErrStale if the stored revision is not the given one.
	ReplaceEntry(context.Context, Entry) (Entry, error)
	// DeleteEntry deletes an entry; ErrStale if the stored revision is not the given one, unless that is 0.
	DeleteEntry(ctx context.Context, kind, id string, revision int64) error
	// Entries lists the organisation's entries of a list, or of all lists if the name is empty, newest first. The order of entries that were
	// created in the same millisecond is not defined.
	Entries(ctx context.Context, kind string, org license.ID, list string, page Page) (Listing[Entry], error)
	// DueEntries returns the entries of all organisations whose Due has come, the longest overdue first.
	DueEntries(ctx context.Context, kind string, now lease.Time, limit int) ([]Entry, error)
	// DeleteExpiredEntries deletes the entries whose Until has come.
	DeleteExpiredEntries(ctx context.Context, now lease.Time) error
}

// OrgEntry returns an entry of the organisation. If there is none, or it belongs to another organisation, the error is a *RecordError that
// wraps ErrNotFound.
func OrgEntry(ctx context.Context, store EntryStore, org license.ID, kind, id string) (Entry, error) {
	e, err := store.Entry(ctx, kind, id)
	if errors.Is(err, ErrNotFound) || err == nil && e.Org != org {
		return Entry{}, NotFound(strings.ReplaceAll(kind, "_", " "), id)
	}
	return e, err
}

// Check returns an *Invalid if a store cannot keep the entry. Each store calls it before it writes.
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

// DeleteEntries deletes the entries of a list. Entries that a crash leaves behind belong to no record and are never shown.
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
