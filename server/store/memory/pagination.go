package memory

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Default and maximum number of records on a page.
const (
	defaultPageSize = 50
	maxPageSize     = 200
)

// listNewest returns one page of the records, newest first. names returns the text of a record that a search looks through. The cursor is
// the number of the last record on the page.
func listNewest[T any](page licensing.Page, all []numbered[T], names func(*T) string) (licensing.Listing[T], error) {
	listing := licensing.Listing[T]{Items: []T{}}
	before := int64(1<<63 - 1)
	if page.After != "" {
		var err error
		if before, err = strconv.ParseInt(page.After, 36, 64); err != nil {
			return listing, &licensing.Invalid{Field: "after", Problem: "is not a cursor that a list gave"}
		}
	}
	limit := pageSize(page)
	search := strings.ToLower(page.Search)
	slices.SortFunc(all, func(a, b numbered[T]) int { return cmp.Compare(b.seq, a.seq) })
	var last int64
	for n := range all {
		if all[n].seq >= before || !strings.Contains(strings.ToLower(names(&all[n].record)), search) {
			continue
		}
		if len(listing.Items) == limit {
			listing.Next = strconv.FormatInt(last, 36)
			break
		}
		listing.Items, last = append(listing.Items, all[n].record), all[n].seq
	}
	return listing, nil
}

// listSorted returns one page of the records in the order that the page asks for. updated returns the time of a record's last change.
func listSorted[T any](page licensing.Page, all []numbered[T], names func(*T) string,
	updated func(*T) lease.Time) (licensing.Listing[T], error) {
	if page.Sort.IsDefault() {
		return listNewest(page, all, names)
	}
	listing := licensing.Listing[T]{Items: []T{}}
	by, down := page.Sort.Key()
	key := func(n *numbered[T]) string {
		switch by {
		case "name":
			return strings.ToLower(names(&n.record))
		case "updated":
			return fmt.Sprintf("%019d", updated(&n.record))
		}
		return ""
	}
	before := func(aKey string, aMade int64, bKey string, bMade int64) int {
		order := cmp.Or(cmp.Compare(aKey, bKey), cmp.Compare(aMade, bMade))
		if down {
			return -order
		}
		return order
	}
	var fromKey string
	var fromMade int64
	if page.After != "" {
		value, tie, err := page.ParseCursor()
		if err != nil {
			return listing, err
		}
		if fromMade, err = strconv.ParseInt(tie, 36, 64); err != nil {
			return listing, licensing.ErrCursor
		}
		fromKey = value
	}
	slices.SortFunc(all, func(a, b numbered[T]) int { return before(key(&a), a.seq, key(&b), b.seq) })
	limit := pageSize(page)
	for n := range all {
		if page.After != "" && before(key(&all[n]), all[n].seq, fromKey, fromMade) <= 0 ||
			!strings.Contains(strings.ToLower(names(&all[n].record)), strings.ToLower(page.Search)) {
			continue
		}
		if len(listing.Items) == limit {
			listing.Next = page.Cursor(fromKey, strconv.FormatInt(fromMade, 36))
			break
		}
		listing.Items, fromKey, fromMade = append(listing.Items, all[n].record), key(&all[n]), all[n].seq
		page.After = "" // all that follow come after the cursor
	}
	return listing, nil
}

func pageSize(page licensing.Page) int {
	if page.Limit <= 0 {
		return defaultPageSize
	}
	return min(page.Limit, maxPageSize)
}
