package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
)

// A pool may have fewer slots than before: a limit was lowered or introduced, or slots are on hold. Activations that hold a seat keep it,
// also beyond the capacity of a bucket, and in buckets that the pool no longer has. Such seats reduce the number of slots that may still be
// granted, so that none is granted while all activations together hold as many as there are. The license records for which entitlements
// that is possible; for all others nobody looks for such seats, which may be on any shard.

// reducedEntitlements returns the entitlements that had more slots at any time before the edit.
func (d *licenseRecord) reducedEntitlements(before licenseRecord) []string {
	names := slices.Clone(before.Reduced)
	for _, e := range before.Entitlements {
		at := slices.IndexFunc(d.Entitlements, func(now entitlement) bool { return now.Name == e.Name })
		fewer := at < 0 || d.Entitlements[at].Slots > 0 && (e.Slots == 0 || d.Entitlements[at].Slots < e.Slots)
		if fewer && !slices.Contains(names, e.Name) {
			names = append(names, e.Name)
		}
	}
	return names[max(0, len(names)-license.MaxEntitlements):]
}

// mayBeOverCapacity reports whether there may have been more slots of an entitlement than a request states.
func (l licenseLimits) mayBeOverCapacity(entitlement string) bool {
	return slices.Contains(l.Reduced, entitlement) || slices.ContainsFunc(l.Holds,
		func(h holdEntitlement) bool { return h.Entitlement == entitlement })
}

// fillLimit returns the number of slots up to which the buckets may be filled when the pool has this many and some seats are beyond their
// bucket's capacity. The seat in the bucket own belongs to the requester, who gives it up for another.
func (s *Store) fillLimit(ctx context.Context, d activation, pool string, slots int64, now date, own string) (int64, error) {
	last := bucketCount(slots) - 1
	beyond, err := findAll[bucket](ctx, s.pools, newDoc("pool", pool, "$or", bson.A{
		newDoc("n", newDoc("$gt", last), "used", newDoc("$gt", int64(0))),
		newDoc("n", last, "used", newDoc("$gt", bucketCapacity(last, slots))),
		newDoc("used", newDoc("$gt", int64(bucketSize))),
	}), options.Find().SetProjection(newDoc("n", 1, "next", 1)))
	if err != nil || len(beyond) == 0 {
		return slots, err
	}
	for _, b := range beyond { // no search for a free seat frees what has lapsed there
		if b.NextExpiry > now {
			continue
		}
		if err := s.seatWriter.submit(ctx, b.ID, pendingWrite[*bucket]{activation: d.Activation,
			apply: func(b *bucket) error { b.hasRoom("", now, 0); return nil }}); err != nil {
			return 0, err
		}
	}
	all, err := findAll[bucket](ctx, s.pools, newDoc("pool", pool), options.Find().SetProjection(newDoc("n", 1, "used", 1)))
	if err != nil {
		return 0, err
	}
	for i, b := range all {
		if b.ID == own {
			all[i].Used--
		}
	}
	return maxFill(all, slots), nil
}

// maxFill returns the largest number of slots up to which the buckets may be filled so that, with the seats beyond it, there are never more
// seats than slots.
func maxFill(all []bucket, slots int64) int64 {
	for left := slots; left > 0; {
		next := slots
		for _, b := range all {
			next -= max(0, b.Used-bucketCapacity(b.N, left))
		}
		if next >= left {
			return left
		}
		left = next
	}
	return 0
}
