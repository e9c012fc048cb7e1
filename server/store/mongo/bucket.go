package mongo

import (
	"fmt"
	"hash/fnv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The seats of one entitlement of a license are its pool. A pool is kept in buckets of at most 256 seats, so that no document grows without
// bound and a large pool is not written in one place: of a pool of 1000 seats, buckets 0 to 2 may hold 256 seats each, and bucket 3 holds
// 232. The capacity of a bucket follows from the limit alone, which comes with each request, so the capacities always add up to the limit.
//
// A seat that is granted without a free slot goes where any other would go and, if there is no room, into the activation's preferred bucket
// beyond its capacity. There it is counted, and no other activation is given a seat until the bucket is below its capacity again. The
// activations that need a free slot never hold more than the limit among them; in a pool of one bucket, none is given a seat while all
// together hold as many as the limit.
const bucketSize = 256

// maxOverCapacity is the largest number of seats in a bucket beyond its capacity, so that a document stays far below MongoDB's limit. Seats
// beyond that go into buckets of a pool without limit, where they are not counted.
const maxOverCapacity = 16 * bucketSize

// bucketCapacity returns the number of seats that bucket n may hold in a pool of this many slots.
func bucketCapacity(n, slots int64) int64 {
	if slots < 0 {
		return bucketSize
	}
	return max(0, min(bucketSize, slots-n*bucketSize))
}

// bucketCount returns the number of buckets of a pool of this many slots; 0 is any number.
func bucketCount(slots int64) int64 {
	if slots < 0 {
		return 0
	}
	return (slots + bucketSize - 1) / bucketSize
}

// bucket is the document of a bucket of seats.
type bucket struct {
	ID         string                `bson:"_id"` // license:entitlement:n
	Birth      string                `bson:"birth,omitempty"`
	Rev        int64                 `bson:"rev"`
	License    string                `bson:"license"`
	Pool       string                `bson:"pool"` // license:entitlement
	N          int64                 `bson:"n"`
	Used       int64                 `bson:"used"` // the number of seats
	NextExpiry date                  `bson:"next"` // no seat lapses before; may be too early
	Seats      map[string]seatHolder `bson:"seats"`

	isComplete    bool // Seats has all seats, not only those of the requested activations
	needsAllSeats bool // the decision needs all seats
	touched       map[string]bool
	expiryChanged bool // NextExpiry has to be written although no seat has changed
}

// seatHolder is a seat of a bucket. Its key is the activation's hash.
type seatHolder struct {
	Token   string `bson:"mark"`
	Context string `bson:"context"`
	Since   date   `bson:"since"`
	Until   date   `bson:"until"`

	// A claim that renews the seat for longer records the deadline before, in order to undo it.
	RenewedBy     string `bson:"raiser,omitempty"`
	PreviousUntil date   `bson:"before,omitempty"`
}

// maxDate is the expiry of an empty bucket: the last instant that every tool can show, at the end of the year 9999.
const maxDate date = 253_402_300_799_999

func poolID(license, entitlement string) string { return license + ":" + entitlement }

func bucketID(pool string, n int64) string { return fmt.Sprintf("%s:%d", pool, n) }

func newBucket(license, entitlement string, n int64) *bucket {
	pool := poolID(license, entitlement)
	return &bucket{ID: bucketID(pool, n), Birth: newToken(), License: license, Pool: pool, N: n, NextExpiry: maxDate,
		Seats:      map[string]seatHolder{},
		isComplete: true, touched: map[string]bool{}}
}

// bucketProjection returns the members to read of a bucket to decide about some activations. It leaves out the seats of others, so the cost
// of a seat does not depend on their number.
func bucketProjection(activations []string) bson.D {
	part := newDoc("rev", 1, "license", 1, "pool", 1, "n", 1, "used", 1, "next", 1)
	for _, key := range activations {
		part = append(part, bson.E{Key: "seats." + key, Value: 1})
	}
	return part
}

func decodeBucket(raw bson.Raw, entire bool) (*bucket, error) {
	b := &bucket{isComplete: entire, touched: map[string]bool{}}
	if err := bson.Unmarshal(raw, b); err != nil {
		return nil, fmt.Errorf("decoding a bucket: %w", err)
	}
	if b.Seats == nil {
		b.Seats = map[string]seatHolder{}
	}
	return b, nil
}

func (b *bucket) revision() int64        { return b.Rev }
func (b *bucket) tokenHolders() []string { return nil }
func (b *bucket) prune(openClaims)       {}
func (b *bucket) isPartial() bool        { return b.needsAllSeats }

func (b *bucket) newDocument(rev int64) any {
	b.Rev, b.Used, b.NextExpiry = rev, int64(len(b.Seats)), b.earliestExpiry()
	return b
}

func (b *bucket) changes() (set, unset bson.D) {
	if len(b.touched) == 0 && !b.expiryChanged {
		return nil, nil
	}
	set = newDoc("used", b.Used, "next", b.NextExpiry)
	for key := range b.touched {
		if p, ok := b.Seats[key]; ok {
			set = append(set, bson.E{Key: "seats." + key, Value: p})
		} else {
			unset = append(unset, bson.E{Key: "seats." + key, Value: ""})
		}
	}
	return set, unset
}

// earliestExpiry returns the time at which the first seat lapses. The bucket must be complete.
func (b *bucket) earliestExpiry() date {
	next := maxDate
	for _, p := range b.Seats {
		next = min(next, p.Until)
	}
	return next
}

// setSeat adds or replaces a seat.
func (b *bucket) setSeat(key string, p seatHolder) {
	if _, has := b.Seats[key]; !has {
		b.Used++
	}
	b.Seats[key] = p
	b.NextExpiry = min(b.NextExpiry, p.Until)
	b.touched[key] = true
}

func (b *bucket) removeSeat(key string) {
	delete(b.Seats, key)
	if b.Used--; b.Used == 0 {
		b.NextExpiry = maxDate
	}
	b.touched[key] = true
}

// takeSeat gives the activation a seat if one is free, and reports whether it has one.
func (b *bucket) takeSeat(key string, p seatHolder, now date, most int64) bool {
	if there, has := b.Seats[key]; has && there.Token == p.Token {
		return true
	}
	if !b.hasRoom(key, now, most) {
		return false
	}
	b.setSeat(key, p) // also over an old seat of its own that its document no longer has
	return true
}

// hasRoom reports whether a slot is free for the activation, not counting a seat that it has. Seats that have lapsed are free.
func (b *bucket) hasRoom(key string, now date, most int64) bool {
	others := b.Used
	if _, has := b.Seats[key]; has {
		others--
	}
	if others < most {
		return true
	}
	if b.NextExpiry > now {
		return false
	}
	if !b.isComplete {
		b.needsAllSeats = true
		return false
	}
	for k, lapsed := range b.Seats {
		if k != key && lapsed.Until <= now {
			b.removeSeat(k)
			others--
		}
	}
	if next := b.earliestExpiry(); next != b.NextExpiry {
		b.NextExpiry, b.expiryChanged = next, true
	}
	return others < most
}

// renew extends the seat with the given token to the deadline, and reports whether the seat still is that one. With a claim the extension
// can be undone.
func (b *bucket) renew(key, token string, until date, claim string) bool {
	p, has := b.Seats[key]
	if !has || p.Token != token {
		return false
	}
	if until > p.Until {
		if claim != "" && p.RenewedBy != claim {
			p.RenewedBy, p.PreviousUntil = claim, p.Until
		}
		p.Until = until
		b.setSeat(key, p)
	}
	return true
}

// undoRenewal restores the deadline from before a claim. The bucket is written in any case: the raised revision stops a renewal that is
// still on its way.
func (b *bucket) undoRenewal(key, claim string) {
	p, has := b.Seats[key]
	if !has {
		return
	}
	if p.RenewedBy == claim {
		p.Until, p.RenewedBy, p.PreviousUntil = p.PreviousUntil, "", 0
	}
	b.setSeat(key, p)
}

// replace replaces the seat if it still has the given token.
func (b *bucket) replace(key, token string, p seatHolder) {
	if there, has := b.Seats[key]; has && there.Token == token {
		b.setSeat(key, p)
	}
}

// release frees the seat if it still has the given token.
func (b *bucket) release(key, token string) {
	if there, has := b.Seats[key]; has && there.Token == token {
		b.removeSeat(key)
	}
}

// preferredBucket returns the bucket in which an activation looks first. It spreads the activations, so that few write the same document.
func preferredBucket(key string, among int64) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return int64(h.Sum64() % uint64(among))
}
