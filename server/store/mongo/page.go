package mongo

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/server/licensing"
)

// Limits of a page.
const (
	pageDefault = 50
	pageMost    = 200
)

func pageLimit(p licensing.Page) int {
	if p.Limit <= 0 {
		return pageDefault
	}
	return min(p.Limit, pageMost)
}

var errCursor = &licensing.Invalid{Field: "after", Problem: "is not a cursor that a list gave"}

// fold makes names comparable whatever their case.
func fold(names ...string) string { return strings.ToLower(strings.Join(names, "\n")) }

// listed is a document that has a place in a list from the newest to the oldest.
type listed interface {
	place() (created date, id string)
}

// list reads one page of the documents that the filter meets. A cursor is the place of the last one shown. The search is a scan of what
// the filter meets: the filter names one parent, by an index.
func list[D listed, T any](ctx context.Context, c *mongo.Collection, filter bson.D, searched string, page licensing.Page, record func(D) T) (licensing.Listing[T], error) {
	listing := licensing.Listing[T]{Items: []T{}}
	limit := pageLimit(page)
	if page.Search != "" {
		filter = append(filter, bson.E{Key: searched, Value: with("$regex", regexp.QuoteMeta(fold(page.Search)))})
	}
	if page.After != "" {
		at, id, ok := strings.Cut(page.After, ".")
		created, err := strconv.ParseInt(at, 36, 64)
		if !ok || err != nil {
			return listing, errCursor
		}
		filter = append(filter, bson.E{Key: "$or", Value: bson.A{
			with("created", with("$lt", date(created))),
			with("created", date(created), "_id", with("$lt", id)),
		}})
	}
	documents, err := find[D](ctx, c, filter, options.Find().SetSort(with("created", -1, "_id", -1)).SetLimit(int64(limit)+1))
	if err != nil {
		return listing, err
	}
	for i, d := range documents {
		if i == limit {
			created, id := documents[i-1].place()
			listing.Next = strconv.FormatInt(int64(created), 36) + "." + id
			break
		}
		listing.Items = append(listing.Items, record(d))
	}
	return listing, nil
}
