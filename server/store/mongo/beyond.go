package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
)

// A pool may have fewer slots than before: a limit is lowered, or comes where there was none, or slots are reserved ahead. Those who hold a
// seat keep it, also beyond what a bucket of so few slots may hold, and in buckets that there would not be. These take from the slots that
// may still be given away, so that nobody is given one while all together hold as many as there are. The license says where that may be
// so, and nobody else looks for such seats, who may be on any shard.

// narrowed is what an edit notes: the entitlements of which there were more before, at any time.
func (d *licenseRecord) narrowed(before licenseRecord) []string {
	names := slices.Clone(before.Narrowed)
	for _, e := range before.Entitlements {
		at := slices.IndexFunc(d.Entitlements, func(now entitlement) bool { return now.Name == e.Name })
		fewer := at < 0 || d.Entitlements[at].Slots > 0 && (e.Slots == 0 || d.Entitlements[at].Slots < e.Slots)
		if fewer && !slices.Contains(names, e.Name) {
			names = append(names, e.Name)
		}
	}
	return names[max(0, len(names)-license.MaxEntitlements):]
}

// fewer tells whether there may have been more slots of an entitlement than a request says.
func (l limits) fewer(entitlement string) bool {
	return slices.Contains(l.Narrowed, entitlement) || slices.ContainsFunc(l.Holds, func(h holdOf) bool { return h.Entitlement == entitlement })
}

// remaining is for how many slots the buckets may be filled, when there are so many and some seats are beyond their share. The seat in the
// bucket own is the asker's, who gives it back for another.
func (s *Store) remaining(ctx context.Context, d activation, pool string, slots int64, now date, own string) (int64, error) {
	last := buckets(slots) - 1
	beyond, err := find[bucket](ctx, s.pools, with("pool", pool, "$or", bson.A{
		with("n", with("$gt", last), "used", with("$gt", int64(0))),
		with("n", last, "used", with("$gt", capacity(last, slots))),
		with("used", with("$gt", int64(bucketSize))),
	}), options.Find().SetProjection(with("n", 1, "next", 1)))
	if err != nil || len(beyond) == 0 {
		return slots, err
	}
	for _, b := range beyond { // nobody looks for a place there, and so for who has lapsed
		if b.Next > now {
			continue
		}
		if err := s.seating.do(ctx, b.ID, order[*bucket]{about: d.Activation, apply: func(b *bucket) error { b.room("", now, 0); return nil }}); err != nil {
			return 0, err
		}
	}
	all, err := find[bucket](ctx, s.pools, with("pool", pool), options.Find().SetProjection(with("n", 1, "used", 1)))
	if err != nil {
		return 0, err
	}
	for i, b := range all {
		if b.ID == own {
			all[i].Used--
		}
	}
	return share(all, slots), nil
}

// share is the most slots for which the buckets may be filled so that with what they hold beyond it there are never more seats than slots.
func share(all []bucket, slots int64) int64 {
	for left := slots; left > 0; {
		next := slots
		for _, b := range all {
			next -= max(0, b.Used-capacity(b.N, left))
		}
		if next >= left {
			return left
		}
		left = next
	}
	return 0
}
