package mongo

import (
	"fmt"
	"hash/fnv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The seats of one entitlement of a license are its pool. A pool is kept in buckets of at most 256 seats, so that no document grows
// without bound and a large pool is not one hot spot: bucket n of a pool of 1000 seats may hold 256 of them for n from 0 to 2, and 232
// for n = 3. What a bucket may hold follows from the limit alone, which comes with each request, so the caps always sum to it.
const bucketSize = 256

// capacity of bucket n in a pool of so many slots.
func capacity(n, slots int64) int64 {
	if slots < 0 {
		return bucketSize
	}
	return max(0, min(bucketSize, slots-n*bucketSize))
}

// buckets is how many a pool of so many slots has; 0: any number.
func buckets(slots int64) int64 {
	if slots < 0 {
		return 0
	}
	return (slots + bucketSize - 1) / bucketSize
}

// bucket is a document.
type bucket struct {
	ID      string            `bson:"_id"` // license:entitlement:n
	Rev     int64             `bson:"rev"`
	License string            `bson:"license"`
	Pool    string            `bson:"pool"` // license:entitlement
	N       int64             `bson:"n"`
	Used    int64             `bson:"used"` // the number of seats
	Next    date              `bson:"next"` // not before this does a seat lapse
	Seats   map[string]placed `bson:"seats"`

	touched map[string]bool
}

// placed is who has a seat. The key is the activation's hash.
type placed struct {
	Mark    string `bson:"mark"`
	Context string `bson:"context"`
	Since   date   `bson:"since"`
	Until   date   `bson:"until"`
}

// never is when the seats of an empty bucket lapse: the last instant that every tool can show, the end of the year 9999.
const never date = 253_402_300_799_999

func poolID(license, entitlement string) string { return license + ":" + entitlement }

func bucketID(pool string, n int64) string { return fmt.Sprintf("%s:%d", pool, n) }

func newBucket(license, entitlement string, n int64) *bucket {
	pool := poolID(license, entitlement)
	return &bucket{ID: bucketID(pool, n), License: license, Pool: pool, N: n, Next: never, Seats: map[string]placed{}, touched: map[string]bool{}}
}

func decodeBucket(raw bson.Raw) (*bucket, error) {
	b := &bucket{touched: map[string]bool{}}
	if err := bson.Unmarshal(raw, b); err != nil {
		return nil, fmt.Errorf("a bucket: %w", err)
	}
	if b.Seats == nil {
		b.Seats = map[string]placed{}
	}
	return b, nil
}

func (b *bucket) at() int64           { return b.Rev }
func (b *bucket) whole(rev int64) any { b.Rev = rev; b.count(); return b }
func (b *bucket) marked() []string    { return nil }
func (b *bucket) tidy(marks)          {}

func (b *bucket) changes() (set, unset bson.D) {
	if len(b.touched) == 0 {
		return nil, nil
	}
	b.count()
	set = with("used", b.Used, "next", b.Next)
	for key := range b.touched {
		if p, ok := b.Seats[key]; ok {
			set = append(set, bson.E{Key: "seats." + key, Value: p})
		} else {
			unset = append(unset, bson.E{Key: "seats." + key, Value: ""})
		}
	}
	return set, unset
}

// count brings the members up to date by which searches find the bucket.
func (b *bucket) count() {
	b.Used, b.Next = int64(len(b.Seats)), never
	for _, p := range b.Seats {
		b.Next = min(b.Next, p.Until)
	}
}

// place gives the activation a seat if one is free, and tells whether it has one. Seats that have lapsed are free.
func (b *bucket) place(key string, p placed, now date, slots int64) bool {
	there, has := b.Seats[key]
	if has && there.Mark == p.Mark {
		return true
	}
	most := int(capacity(b.N, slots))
	if !has && len(b.Seats) >= most {
		for k, lapsed := range b.Seats {
			if lapsed.Until <= now {
				b.empty(k)
			}
		}
		if len(b.Seats) >= most {
			return false
		}
	}
	b.Seats[key] = p // also over an old seat of its own that it does not know of any more
	b.touched[key] = true
	return true
}

// renew keeps a seat that is still the given one, and tells whether it is.
func (b *bucket) renew(key string, p placed) bool {
	there, has := b.Seats[key]
	if !has || there.Mark != p.Mark {
		return false
	}
	p.Until = max(p.Until, there.Until) // never shorter than what somebody else was promised for it
	if p != there {
		b.Seats[key] = p
		b.touched[key] = true
	}
	return true
}

// free gives a seat back that is still the given one.
func (b *bucket) free(key, mark string) {
	if there, has := b.Seats[key]; has && there.Mark == mark {
		b.empty(key)
	}
}

func (b *bucket) empty(key string) {
	delete(b.Seats, key)
	b.touched[key] = true
}

// home is the bucket in which an activation looks first. It spreads the activations, so that few write one document.
func home(key string, among int64) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return int64(h.Sum64() % uint64(among))
}
