package mongo

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/server/licensing"
)

// Default and maximum number of items on a page.
const (
	defaultPageSize = 50
	maxPageSize     = 200
)

func pageSize(p licensing.Page) int {
	if p.Limit <= 0 {
		return defaultPageSize
	}
	return min(p.Limit, maxPageSize)
}

var errInvalidCursor = &licensing.Invalid{Field: "after", Problem: "is not a cursor that a list gave"}

// foldCase returns the names in lower case, one per line, for searches and orders that ignore case.
func foldCase(names ...string) string { return strings.ToLower(strings.Join(names, "\n")) }

// listItem is a document with a position in a list that runs from the newest to the oldest.
type listItem interface {
	position() (created date, id string)
}

// listNewest reads one page of the documents that match the filter, newest first. The cursor is the position of the last one on the page. A
// search scans all that match the filter, which restricts them to one parent by an index.
func listNewest[D listItem, T any](ctx context.Context, c *mongo.Collection, filter bson.D, searched string, page licensing.Page,
	record func(D) T) (licensing.Listing[T], error) {
	write := func(d D) string {
		created, id := d.position()
		return strconv.FormatInt(int64(created), 36) + "." + id
	}
	if page.After == "" {
		return findPage(ctx, c, filter, searched, page, "created", true, nil, "", write, record)
	}
	at, id, ok := strings.Cut(page.After, ".")
	created, err := strconv.ParseInt(at, 36, 64)
	if !ok || err != nil {
		return licensing.Listing[T]{}, errInvalidCursor
	}
	return findPage(ctx, c, filter, searched, page, "created", true, date(created), id, write, record)
}

// sortable is a document of the catalogue, which can be listed in other orders too.
type sortable interface {
	listItem
	base() baseDocument
}

// listSorted reads one page in the order that the page asks for. Each order of a whole organisation has an index; within one parent,
// matching documents are looked for along it.
func listSorted[D sortable, T any](ctx context.Context, c *mongo.Collection, filter bson.D, page licensing.Page,
	record func(D) T) (licensing.Listing[T], error) {
	if page.Archived != nil {
		is := bson.A{true}
		if !*page.Archived {
			is = bson.A{false, nil} // the first licenses have no such member
		}
		filter = append(filter, bson.E{Key: "archived", Value: newDoc("$in", is)})
	}
	if page.Sort.IsDefault() {
		return listNewest(ctx, c, filter, "folded", page, record)
	}
	by, down := page.Sort.Key()
	key := map[string]string{"created": "created", "name": "folded", "updated": "updated"}[by]
	write := func(d D) string {
		m := d.base()
		switch by {
		case "name":
			return page.Cursor(m.Folded, m.ID)
		case "updated":
			return page.Cursor(strconv.FormatInt(int64(m.Updated), 36), m.ID)
		}
		return page.Cursor(strconv.FormatInt(int64(m.Created), 36), m.ID)
	}
	if page.After == "" {
		return findPage(ctx, c, filter, "folded", page, key, down, nil, "", write, record)
	}
	value, id, err := page.ParseCursor()
	if err != nil {
		return licensing.Listing[T]{}, err
	}
	if by == "name" {
		return findPage(ctx, c, filter, "folded", page, key, down, value, id, write, record)
	}
	at, err := strconv.ParseInt(value, 36, 64)
	if err != nil {
		return licensing.Listing[T]{}, licensing.ErrCursor
	}
	return findPage(ctx, c, filter, "folded", page, key, down, date(at), id, write, record)
}

// findPage reads the documents after the one with the given value and id, in the order of key. A nil value is before all others.
func findPage[D, T any](ctx context.Context, c *mongo.Collection, filter bson.D, searched string, page licensing.Page, key string,
	down bool,
	value any, id string, cursor func(D) string, record func(D) T) (licensing.Listing[T], error) {
	listing := licensing.Listing[T]{Items: []T{}}
	limit := pageSize(page)
	if strings.Contains(page.Search, "\x00") || !utf8.ValidString(page.Search) {
		return listing, nil // no name contains this, and MongoDB does not accept the pattern
	}
	if page.Search != "" {
		filter = append(filter, bson.E{Key: searched, Value: newDoc("$regex", regexp.QuoteMeta(foldCase(page.Search)))})
	}
	after, direction := "$gt", 1
	if down {
		after, direction = "$lt", -1
	}
	if value != nil {
		filter = append(filter, bson.E{Key: "$or", Value: bson.A{
			newDoc(key, newDoc(after, value)),
			newDoc(key, value, "_id", newDoc(after, id)),
		}})
	}
	documents, err := findAll[D](ctx, c, filter, options.Find().SetSort(newDoc(key, direction, "_id", direction)).SetLimit(int64(limit)+1))
	if err != nil {
		return listing, err
	}
	for i, d := range documents {
		if i == limit {
			listing.Next = cursor(documents[i-1])
			break
		}
		listing.Items = append(listing.Items, record(d))
	}
	return listing, nil
}
