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
	empty            struct{}
	bodyInput[T any] struct{ Body T }
	response[T any]  struct{ Body T }
)

// IDPathInput and the other inputs that are embedded have names in capitals because the framework does not look into others.
type IDPathInput struct {
	ID string `path:"id" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
}

// PageInput asks for a part of a list.
type PageInput struct {
	Cursor string `query:"cursor" maxLength:"512"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Search string `query:"search" maxLength:"200"`
}

// SortedListInput chooses the order of a list of the catalogue.
type SortedListInput struct {
	PageInput
	Sort licensing.Sort `query:"sort" enum:"created,-created,name,-name,updated,-updated" default:"-created"`
}

// ArchivableListInput is a list of what can be archived.
type ArchivableListInput struct {
	SortedListInput
	Archived string `query:"archived" enum:"true,false"`
}

// IDArchivableListInput is one below a record.
type IDArchivableListInput struct {
	IDPathInput
	ArchivableListInput
}

// IDPageInput is a list below a record, and ByIDBody a change of one.
type IDPageInput struct {
	IDPathInput
	PageInput
}

// IDBodyInput names a record, with a body.
type IDBodyInput[T any] struct {
	IDPathInput
	Body T
}

// List is one page, newest first.
type List[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty"`
}

func (p PageInput) page() licensing.Page {
	return licensing.Page{After: p.Cursor, Limit: p.Limit, Search: p.Search}
}

func (s SortedListInput) page() licensing.Page {
	p := s.PageInput.page()
	p.Sort = s.Sort
	return p
}

func (s ArchivableListInput) page() licensing.Page {
	p := s.SortedListInput.page()
	if s.Archived != "" {
		archived := s.Archived == "true"
		p.Archived = &archived
	}
	return p
}

func (b IDPathInput) id() license.ID { return license.ID(b.ID) }

func reply[T any](v T, err error) (*response[T], error) {
	if err != nil {
		return nil, err
	}
	return &response[T]{v}, nil
}

// replyList writes a page in the words of the wire.
func replyList[R, T any](l licensing.Listing[R], err error, write func(R) T) (*response[List[T]], error) {
	if err != nil {
		return nil, err
	}
	items := make([]T, 0, len(l.Items)) // never null
	for _, r := range l.Items {
		items = append(items, write(r))
	}
	return &response[List[T]]{List[T]{items, l.Next}}, nil
}

// timestamp writes a time; optional leaves one out that is not set.
func timestamp(t lease.Time) time.Time { return time.UnixMilli(int64(t)).UTC() }

func optionalTimestamp(t lease.Time) *time.Time {
	if t == 0 {
		return nil
	}
	m := timestamp(t)
	return &m
}

// Nullable is a member of an edit that can be left out (unchanged), null (taken away) or have a value.
type Nullable[T any] struct {
	IsGiven bool
	Value   *T
}

// UnmarshalJSON is only called for a member that is there.
func (n *Nullable[T]) UnmarshalJSON(b []byte) error {
	n.IsGiven = true
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
