package memory

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/onelicense/onelicense/server/licensing"
)

// The limits of a page.
const (
	pageDefault = 50
	pageMost    = 200
)

// list gives one page of the records whose names a search may look through. The cursor is the number of the last record shown.
func list[T any](page licensing.Page, all []numbered[T], names func(*T) string) (licensing.Listing[T], error) {
	listing := licensing.Listing[T]{Items: []T{}}
	before := int64(1<<63 - 1)
	if page.After != "" {
		var err error
		if before, err = strconv.ParseInt(page.After, 36, 64); err != nil {
			return listing, &licensing.Invalid{Field: "after", Problem: "is not a cursor that a list gave"}
		}
	}
	limit := min(page.Limit, pageMost)
	if limit <= 0 {
		limit = pageDefault
	}
	search := strings.ToLower(page.Search)
	slices.SortFunc(all, func(a, b numbered[T]) int { return cmp.Compare(b.made, a.made) })
	var last int64
	for n := range all {
		if all[n].made >= before || !strings.Contains(strings.ToLower(names(&all[n].record)), search) {
			continue
		}
		if len(listing.Items) == limit {
			listing.Next = strconv.FormatInt(last, 36)
			break
		}
		listing.Items, last = append(listing.Items, all[n].record), all[n].made
	}
	return listing, nil
}
