package licensing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Entries reads and writes the entries of one kind, whose bodies are the JSON of a T. It has no state but the store's, so it may be made
// for each use.
type Entries[T any] struct {
	store EntryStore
	kind  string
}

// EntriesOf returns the entries of a kind in the store.
func EntriesOf[T any](store EntryStore, kind string) Entries[T] { return Entries[T]{store, kind} }

// TypedEntry is an entry with the value of its body. When it is written, the body is made from the value.
type TypedEntry[T any] struct {
	Entry
	Value T
}

// Unwrap returns the value. It never fails: it is a conversion for MapListing.
func (e TypedEntry[T]) Unwrap() (T, error) { return e.Value, nil }

// DecodeEntry returns the entry with the value of its body.
func DecodeEntry[T any](e Entry) (TypedEntry[T], error) {
	typed := TypedEntry[T]{Entry: e}
	if err := json.Unmarshal(e.Body, &typed.Value); err != nil {
		return typed, fmt.Errorf("reading the %s %s: %w", e.Kind, e.ID, err)
	}
	return typed, nil
}

// encode returns the entry with its kind and body as they are written.
func (s Entries[T]) encode(e TypedEntry[T]) (TypedEntry[T], error) {
	body, err := json.Marshal(e.Value)
	if err != nil {
		return e, fmt.Errorf("writing the %s %s: %w", s.kind, e.ID, err)
	}
	e.Kind, e.Body = s.kind, body
	return e, nil
}

// Get returns an entry, also after its Until. It is for ids that no stranger may choose; GetOf is for those.
func (s Entries[T]) Get(ctx context.Context, id string) (TypedEntry[T], error) {
	e, err := s.store.Entry(ctx, s.kind, id)
	if err != nil {
		return TypedEntry[T]{}, err
	}
	return DecodeEntry[T](e)
}

// GetOf returns an entry of the organisation; ErrNotFound when it is another's.
func (s Entries[T]) GetOf(ctx context.Context, org license.ID, id string) (TypedEntry[T], error) {
	e, err := OrgEntry(ctx, s.store, org, s.kind, id)
	if err != nil {
		return TypedEntry[T]{}, err
	}
	return DecodeEntry[T](e)
}

// Create adds an entry with the value; ErrExists when there is one with its id. It returns the entry as it is stored.
func (s Entries[T]) Create(ctx context.Context, e Entry, value T) (TypedEntry[T], error) {
	typed, err := s.encode(TypedEntry[T]{e, value})
	if err != nil {
		return typed, err
	}
	typed.Revision = 1
	return typed, s.store.CreateEntry(ctx, typed.Entry)
}

// Replace changes an entry that is still at its revision (EntryStore.ReplaceEntry), and returns it as it is stored.
func (s Entries[T]) Replace(ctx context.Context, e TypedEntry[T]) (TypedEntry[T], error) {
	typed, err := s.encode(e)
	if err != nil {
		return typed, err
	}
	typed.Entry, err = s.store.ReplaceEntry(ctx, typed.Entry)
	return typed, err
}

// Put creates the entry when its revision is 0, and replaces it otherwise.
func (s Entries[T]) Put(ctx context.Context, e TypedEntry[T]) (TypedEntry[T], error) {
	if e.Revision == 0 {
		return s.Create(ctx, e.Entry, e.Value)
	}
	return s.Replace(ctx, e)
}

// Delete deletes an entry that is still at the revision, or with 0 at any.
func (s Entries[T]) Delete(ctx context.Context, id string, revision int64) error {
	return s.store.DeleteEntry(ctx, s.kind, id, revision)
}

// DeleteIfExists deletes an entry at any revision; one that does not exist is no error.
func (s Entries[T]) DeleteIfExists(ctx context.Context, id string) error {
	if err := s.Delete(ctx, id, 0); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// List returns a page of the organisation's entries in a list, or with an empty name in any, newest first.
func (s Entries[T]) List(ctx context.Context, org license.ID, list string, page Page) (Listing[TypedEntry[T]], error) {
	found, err := s.store.Entries(ctx, s.kind, org, list, page)
	if err != nil {
		return Listing[TypedEntry[T]]{}, err
	}
	return MapListing(found, DecodeEntry[T])
}

// Due returns the entries that are due, those that are the longest overdue first.
func (s Entries[T]) Due(ctx context.Context, now lease.Time, limit int) ([]TypedEntry[T], error) {
	due, err := s.store.DueEntries(ctx, s.kind, now, limit)
	if err != nil {
		return nil, err
	}
	typed := make([]TypedEntry[T], 0, len(due))
	for _, e := range due {
		one, err := DecodeEntry[T](e)
		if err != nil {
			return typed, err
		}
		typed = append(typed, one)
	}
	return typed, nil
}

// MapListing returns a page with each item converted. It fails with the first conversion that does.
func MapListing[T, U any](l Listing[T], convert func(T) (U, error)) (Listing[U], error) {
	mapped := Listing[U]{Items: make([]U, 0, len(l.Items)), Next: l.Next}
	for _, item := range l.Items {
		one, err := convert(item)
		if err != nil {
			return mapped, err
		}
		mapped.Items = append(mapped.Items, one)
	}
	return mapped, nil
}
