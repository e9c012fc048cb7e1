package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// The shapes that routes share. On the wire names are snake_case, times RFC 3339 in UTC, and durations whole milliseconds under the
// names that a lease has for them, so that what is set here is found again there.

type (
	none          struct{}
	body[T any]   struct{ Body T }
	answer[T any] struct{ Body T }
)

// ByID and the other inputs that are embedded have names in capitals because the framework does not look into others.
type ByID struct {
	ID string `path:"id" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
}

// Paging asks for a part of a list.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"512" doc:"The next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Search string `query:"search" maxLength:"200" doc:"Part of the name, in any case."`
}

// Sorting chooses the order of a list of the catalogue.
type Sorting struct {
	Paging
	Sort licensing.Sort `query:"sort" enum:"created,-created,name,-name,updated,-updated" default:"-created" doc:"A hyphen: from the largest down. Names without regard to case."`
}

// Shelf is a list of what can be archived.
type Shelf struct {
	Sorting
	Archived string `query:"archived" enum:"true,false" doc:"Only those that are, or that are not."`
}

// ByIDShelf is one below a record.
type ByIDShelf struct {
	ByID
	Shelf
}

// ByIDPaging is a list below a record, and ByIDBody a change of one.
type ByIDPaging struct {
	ByID
	Paging
}

type ByIDBody[T any] struct {
	ByID
	Body T
}

// List is one page, newest first.
type List[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last."`
}

func (p Paging) page() licensing.Page {
	return licensing.Page{After: p.Cursor, Limit: p.Limit, Search: p.Search}
}

func (s Sorting) page() licensing.Page {
	p := s.Paging.page()
	p.Sort = s.Sort
	return p
}

func (s Shelf) page() licensing.Page {
	p := s.Sorting.page()
	if s.Archived != "" {
		archived := s.Archived == "true"
		p.Archived = &archived
	}
	return p
}

func (b ByID) id() license.ID { return license.ID(b.ID) }

func reply[T any](v T, err error) (*answer[T], error) {
	if err != nil {
		return nil, err
	}
	return &answer[T]{v}, nil
}

// listing writes a page in the words of the wire.
func listing[R, T any](l licensing.Listing[R], err error, write func(R) T) (*answer[List[T]], error) {
	if err != nil {
		return nil, err
	}
	items := make([]T, 0, len(l.Items)) // never null
	for _, r := range l.Items {
		items = append(items, write(r))
	}
	return &answer[List[T]]{List[T]{items, l.Next}}, nil
}

// moment writes a time; optional leaves one out that is not set.
func moment(t lease.Time) time.Time { return time.UnixMilli(int64(t)).UTC() }

func optional(t lease.Time) *time.Time {
	if t == 0 {
		return nil
	}
	m := moment(t)
	return &m
}

// Nullable is a member of an edit that can be left out (unchanged), null (taken away) or have a value.
type Nullable[T any] struct {
	Given bool
	Value *T
}

// UnmarshalJSON is only called for a member that is there.
func (n *Nullable[T]) UnmarshalJSON(b []byte) error {
	n.Given = true
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	n.Value = new(T)
	return json.Unmarshal(b, n.Value)
}

// MarshalJSON exists for the examples of the document.
func (n Nullable[T]) MarshalJSON() ([]byte, error) { return json.Marshal(n.Value) }

// Schema is that of the value, or null.
func (n Nullable[T]) Schema(r huma.Registry) *huma.Schema {
	s := *huma.SchemaFromType(r, reflect.TypeFor[T]())
	s.Nullable = true
	return &s
}
