package mongo

import (
	"fmt"
	"hash/fnv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The seats of one entitlement of a license are its pool. A pool is kept in buckets of at most 256 seats, so that no document grows
// without bound and a large pool is not one hot spot: bucket n of a pool of 1000 seats may hold 256 of them for n from 0 to 2, and 232
// for n = 3. What a bucket may hold follows from the limit alone, which comes with each request, so the caps always sum to it.
//
// A seat that is granted whatever others hold goes where any other would go, and if there is no room into the activation's home bucket
// beyond its cap: there it is counted, and nobody else is given a seat until the bucket is below its cap again. Those who need a free seat
// hold never more than the limit among them; in a pool of one bucket, none is given while all together hold as many.
const bucketSize = 256

// maxOverCapacity is what a bucket holds at most beyond its cap, so that a document stays far below what MongoDB takes. What is beyond it goes
// into buckets of no limit, where it is not counted.
const maxOverCapacity = 16 * bucketSize

// bucketCapacity of bucket n in a pool of so many slots.
func bucketCapacity(n, slots int64) int64 {
	if slots < 0 {
		return bucketSize
	}
	return max(0, min(bucketSize, slots-n*bucketSize))
}

// bucketCount is how many a pool of so many slots has; 0: any number.
func bucketCount(slots int64) int64 {
	if slots < 0 {
		return 0
	}
	return (slots + bucketSize - 1) / bucketSize
}

// bucket is a document.
type bucket struct {
	ID         string                `bson:"_id"` // license:entitlement:n
	Rev        int64                 `bson:"rev"`
	License    string                `bson:"license"`
	Pool       string                `bson:"pool"` // license:entitlement
	N          int64                 `bson:"n"`
	Used       int64                 `bson:"used"` // the number of seats
	NextExpiry date                  `bson:"next"` // not before this does a seat lapse; maybe later
	Seats      map[string]seatHolder `bson:"seats"`

	isComplete    bool // Seats has all of them, and not only those that were asked for
	needsAllSeats bool // all of them are needed
	touched       map[string]bool
	expiryChanged bool // Next is to be written, though no seat was touched
}

// seatHolder is who has a seat. The key is the activation's hash.
type seatHolder struct {
	Token   string `bson:"mark"`
	Context string `bson:"context"`
	Since   date   `bson:"since"`
	Until   date   `bson:"until"`

	// A claim that promises the seat for longer notes what was promised before.
	RenewedBy     string `bson:"raiser,omitempty"`
	PreviousUntil date   `bson:"before,omitempty"`
}

// maxDate is when the seats of an empty bucket lapse: the last instant that every tool can show, the end of the year 9999.
const maxDate date = 253_402_300_799_999

func poolID(license, entitlement string) string { return license + ":" + entitlement }

func bucketID(pool string, n int64) string { return fmt.Sprintf("%s:%d", pool, n) }

func newBucket(license, entitlement string, n int64) *bucket {
	pool := poolID(license, entitlement)
	return &bucket{ID: bucketID(pool, n), License: license, Pool: pool, N: n, NextExpiry: maxDate, Seats: map[string]seatHolder{}, isComplete: true, touched: map[string]bool{}}
}

// bucketProjection is what is read of a bucket to decide about some activations: not the seats of others. What a seat costs does not depend on
// how many there are.
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
		return nil, fmt.Errorf("a bucket: %w", err)
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

// earliestExpiry is when the first seat lapses, of a bucket that was read entirely.
func (b *bucket) earliestExpiry() date {
	next := maxDate
	for _, p := range b.Seats {
		next = min(next, p.Until)
	}
	return next
}

// setSeat has a seat say something else, or adds it.
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

// takeSeat gives the activation a seat if one is free, and tells whether it has one.
func (b *bucket) takeSeat(key string, p seatHolder, now date, most int64) bool {
	if there, has := b.Seats[key]; has && there.Token == p.Token {
		return true
	}
	if !b.hasRoom(key, now, most) {
		return false
	}
	b.setSeat(key, p) // also over an old seat of its own that it does not know of any more
	return true
}

// hasRoom tells whether a seat is free for the activation, also if it had none. Seats that have lapsed are free.
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

// renew keeps a seat that is still the given one, for as long as anybody was promised, and tells whether it is. By a claim that is given
// it can be lowered.
func (b *bucket) renew(key, mark string, until date, claim string) bool {
	p, has := b.Seats[key]
	if !has || p.Token != mark {
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

// undoRenewal takes back what a claim has promised. It is written in any case: the raised revision stops a promise that is on its way.
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

// replace replaces a seat that is still the given one.
func (b *bucket) replace(key, mark string, p seatHolder) {
	if there, has := b.Seats[key]; has && there.Token == mark {
		b.setSeat(key, p)
	}
}

// release gives a seat back that is still the given one.
func (b *bucket) release(key, mark string) {
	if there, has := b.Seats[key]; has && there.Token == mark {
		b.removeSeat(key)
	}
}

// preferredBucket is the bucket in which an activation looks first. It spreads the activations, so that few write one document.
func preferredBucket(key string, among int64) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return int64(h.Sum64() % uint64(among))
}
