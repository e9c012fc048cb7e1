package mongo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Reservations implements licensing.SyncStore. It reads the buckets, which are authoritative: their sum is never above the limit. Each page
// reads all buckets of the license, 256 reservations a document: it is meant for people, not for syncs.
func (s *Store) Reservations(ctx context.Context, org, id license.ID,
	page licensing.Page) (licensing.Listing[licensing.Reservation], error) {
	listing := licensing.Listing[licensing.Reservation]{Items: []licensing.Reservation{}}
	if err := s.requireLicense(ctx, org, id); err != nil {
		return listing, err
	}
	var after *licensing.Reservation
	if page.After != "" {
		parts := strings.SplitN(page.After, ".", 3)
		since, err := strconv.ParseInt(parts[0], 10, 64)
		if len(parts) != 3 || err != nil {
			return listing, errInvalidCursor
		}
		after = &licensing.Reservation{ActivationKey: licensing.ActivationKey{Activation: lease.Hash(parts[1])}, Entitlement: parts[2],
			Since: lease.Time(since)}
	}
	found, err := findAll[bucket](ctx, s.pools, newDoc("license", string(id)), options.Find().SetProjection(newDoc("pool", 1, "seats", 1)))
	if err != nil {
		return listing, err
	}
	search := foldCase(page.Search)
	for _, b := range found {
		_, entitlement, _ := strings.Cut(b.Pool, ":")
		for key, p := range b.Seats {
			r := licensing.Reservation{ActivationKey: licensing.ActivationKey{License: id, Activation: lease.Hash(key)}, Entitlement: entitlement,
				Context: p.Context, Since: timeOf(p.Since), Until: timeOf(p.Until)}
			if strings.Contains(key, search) && (after == nil || newestFirst(*after, r) < 0) {
				listing.Items = append(listing.Items, r)
			}
		}
	}
	slices.SortFunc(listing.Items, newestFirst)
	if limit := pageSize(page); len(listing.Items) > limit {
		listing.Items = listing.Items[:limit]
		last := listing.Items[limit-1]
		listing.Next = fmt.Sprintf("%d.%s.%s", last.Since, last.Activation, last.Entitlement)
	}
	return listing, nil
}

func newestFirst(a, b licensing.Reservation) int {
	return cmp.Or(cmp.Compare(b.Since, a.Since), cmp.Compare(a.Activation, b.Activation), cmp.Compare(a.Entitlement, b.Entitlement))
}
