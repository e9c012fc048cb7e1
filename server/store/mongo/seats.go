package mongo

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/server/licensing"
)

// seatResult is the result of an advance for the activation's seats. Nothing in released has been freed yet.
type seatResult struct {
	kept     []seat     // held before, and renewed
	taken    []seat     // of this request's reservations
	released []seat     // released by the request, or lapsed
	swaps    []seatSwap // of the taken seats, those that replace a seat of the activation
}

// addTo puts the seats into the outcome of an advance.
func (g *seatResult) addTo(out *licensing.Outcome, a *licensing.Advance) {
	var held []licensing.Reservation
	for _, s := range slices.Concat(g.kept, g.taken) {
		held = append(held, s.record())
	}
	out.SetSeats(a, held)
}

func (s seat) record() licensing.Reservation {
	return licensing.Reservation{Entitlement: s.Entitlement, Context: s.Context, Since: timeOf(s.Since), Until: timeOf(s.Until)}
}

// heldSeat is a seat that the activation holds and keeps, if it is still there.
type heldSeat struct {
	seat
	request    int  // index of its reservation request; -1: it is not requested
	isReplaced bool // released and requested again
	isThere    bool
	fits       bool // there is a slot for it, if it needs one
}

// updateSeats renews the seats that are kept and takes those that are requested. It returns the taken seats also with an error.
func (s *Store) updateSeats(ctx context.Context, d activation, p *plan, planned *licensing.Advance, again bool) (got seatResult,
	err error) {
	var holdings []heldSeat
	for _, held := range d.sortedSeats() {
		isReleased, at := planned.ReleasesSeat(held.Entitlement), p.requestIndex(held.Entitlement)
		if !planned.HoldsSeat(held.record()) || isReleased && at < 0 {
			got.released = append(got.released, held)
		} else {
			holdings = append(holdings, heldSeat{seat: held, request: at, isReplaced: isReleased})
		}
	}
	if err := parallelEach(len(holdings), func(i int) error { return s.renewSeat(ctx, d, p, planned, &holdings[i]) }); err != nil {
		return got, err
	}
	results, done, elsewhere := make([]*seat, len(p.Reserve)), make([]bool, len(p.Reserve)), make([]string, len(p.Reserve))
	for _, h := range holdings {
		switch {
		case !h.isThere: // lapsed and taken by another, or freed by the vendor
		case !h.isReplaced:
			got.kept = append(got.kept, h.seat)
			if h.request >= 0 {
				done[h.request] = true
			}
		case h.fits:
			w := p.Reserve[h.request]
			next := seat{w.Entitlement, w.Context, p.Now, w.Until, h.Bucket, newToken()}
			results[h.request], done[h.request] = &next, true
			got.swaps = append(got.swaps, seatSwap{h.Token, next})
		default:
			got.released = append(got.released, h.seat)
			elsewhere[h.request] = h.Bucket
		}
	}
	err = parallelEach(len(p.Reserve), func(i int) (err error) {
		if w := p.Reserve[i]; !done[i] && !p.Goodbye && w.Slots != 0 {
			results[i], err = s.takeSeat(ctx, d, p, w, again, elsewhere[i])
		}
		return err
	})
	for i := range p.Reserve {
		if results[i] != nil {
			got.taken = append(got.taken, *results[i])
		}
	}
	return got, err
}

// parallelEach calls f for every index at the same time, and returns the error of the first index that failed.
func parallelEach(n int, f func(i int) error) error {
	if n == 0 {
		return nil
	}
	calls := make([]func() error, n)
	for i := range n {
		calls[i] = func() error { return f(i) }
	}
	return parallel(calls...)
}

// renewSeat extends a seat beyond the request. A seat that is requested for longer is extended under the claim, so that it can be undone.
func (s *Store) renewSeat(ctx context.Context, d activation, p *plan, planned *licensing.Advance, h *heldSeat) error {
	o, claim, slots := pendingWrite[*bucket]{activation: d.Activation}, "", int64(licensing.Unlimited)
	if h.request >= 0 {
		if d.Claim != nil {
			claim, o.token = d.Claim.Token, claimToken{d.ID, d.Claim.Token}
		}
		slots = p.Reserve[h.request].Slots
	}
	h.Until = dateOf(planned.SeatDeadline(h.seat.record()))
	o.apply = func(b *bucket) error {
		h.fits = !h.isReplaced || slots < 0 || b.hasRoom(d.Activation, p.Now, bucketCapacity(b.N, slots))
		h.isThere = b.renew(d.Activation, h.Token, h.Until, claim)
		return nil
	}
	err := s.seatWriter.submit(ctx, h.Bucket, o)
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Store) undoRenewal(ctx context.Context, bucketID, key, claim string) error {
	err := s.seatWriter.submit(ctx, bucketID, pendingWrite[*bucket]{activation: key,
		apply: func(b *bucket) error { b.undoRenewal(key, claim); return nil }})
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Store) swapSeat(ctx context.Context, key string, w seatSwap) error {
	next := seatHolder{Token: w.NewSeat.Token, Context: w.NewSeat.Context, Since: w.NewSeat.Since, Until: w.NewSeat.Until}
	err := s.seatWriter.submit(ctx, w.NewSeat.Bucket, pendingWrite[*bucket]{activation: key,
		apply: func(b *bucket) error { b.replace(key, w.OldToken, next); return nil }})
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Store) releaseSeat(ctx context.Context, bucketID, key, token string) error {
	err := s.seatWriter.submit(ctx, bucketID, pendingWrite[*bucket]{activation: key,
		apply: func(b *bucket) error { b.release(key, token); return nil }})
	s.fullBuckets.remove(bucketID)
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

// unlimitedSpread is the number of buckets among which the activations of a pool without limit look first.
const unlimitedSpread = 8

// bucketsPerSearch is the number of buckets that are tried at a time, and searchRounds the number of times that more are looked for while
// others take the seats that were found.
const (
	bucketsPerSearch = 4
	searchRounds     = 4
)

// takeSeat takes a seat and returns it; nil if none is free. It does not look into the bucket except.
func (s *Store) takeSeat(ctx context.Context, d activation, p *plan, w reservationRequest, again bool, except string) (*seat, error) {
	pool := poolID(d.License, w.Entitlement)
	try := func(n int64, most int64) (*seat, error) {
		id, taken := bucketID(pool, n), false
		if id == except {
			return nil, nil
		}
		err := s.seatWriter.submit(ctx, id, pendingWrite[*bucket]{
			activation: d.Activation,
			token:      claimToken{d.ID, d.Claim.Token},
			create:     func() *bucket { return newBucket(d.License, w.Entitlement, n) },
			apply: func(b *bucket) error {
				taken = b.takeSeat(d.Activation, seatHolder{Token: d.Claim.Token, Context: w.Context, Since: p.Now, Until: w.Until}, p.Now, most)
				return nil
			},
		})
		if err != nil || !taken {
			return nil, err
		}
		return &seat{w.Entitlement, w.Context, p.Now, w.Until, id, d.Claim.Token}, nil
	}
	if again {
		placed, err := s.bucketsOfClaim(ctx, d, w.Entitlement)
		if err != nil {
			return nil, err
		}
		for _, n := range placed {
			if got, err := try(n, 0); got != nil || err != nil {
				return got, err
			}
		}
	}
	slots := w.Slots
	if slots > 0 && w.Reduced {
		left, err := s.fillLimit(ctx, d, pool, slots, p.Now, except)
		if err != nil || left == 0 {
			return nil, err
		}
		slots = left
	}
	if slots >= 0 || w.Pool == 0 {
		return s.searchSeat(ctx, d, pool, slots, p.Now, try)
	}
	if got, err := s.searchSeat(ctx, d, pool, w.Pool, p.Now, try); got != nil || err != nil {
		return got, err
	}
	if got, err := try(preferredBucket(d.Activation, bucketCount(w.Pool)), maxOverCapacity); got != nil || err != nil {
		return got, err
	}
	return s.searchSeat(ctx, d, pool, licensing.Unlimited, p.Now, try)
}

// searchSeat looks in the activation's preferred bucket, then in one with room, then in one that does not exist yet, then in one with a
// lapsed seat. Its cost does not depend on the size of the pool.
func (s *Store) searchSeat(ctx context.Context, d activation, pool string, slots int64, now date,
	try func(n, most int64) (*seat, error)) (*seat, error) {
	of := bucketCount(slots)
	among := of
	if of == 0 {
		among = unlimitedSpread
	}
	first := preferredBucket(d.Activation, among)
	if id := bucketID(pool, first); of == 1 || !s.fullBuckets.contains(id, s.now()) {
		if got, err := try(first, bucketCapacity(first, slots)); got != nil || err != nil || of == 1 {
			return got, err
		}
		s.fullBuckets.add(id, s.now())
	}
	// A bucket that might have a lapsed seat and has none records that, so the search ends.
	for round := int64(0); round < searchRounds+of/bucketsPerSearch || of == 0; round++ {
		found, err := s.bucketsWithRoom(ctx, pool, slots, now)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		for _, n := range found {
			if got, err := try(n, bucketCapacity(n, slots)); got != nil || err != nil {
				return got, err
			}
		}
	}
	return nil, nil
}

// bucketsWithRoom returns a few buckets of a pool in which a seat may be free.
func (s *Store) bucketsWithRoom(ctx context.Context, pool string, slots int64, now date) ([]int64, error) {
	of := bucketCount(slots)
	within, roomy := newDoc("pool", pool), newDoc("pool", pool, "used", newDoc("$lt", int64(bucketSize)))
	if of > 0 {
		within = newDoc("pool", pool, "n", newDoc("$lt", of))
		roomy = newDoc("pool", pool, "$or", bson.A{
			newDoc("n", newDoc("$lt", of-1), "used", newDoc("$lt", int64(bucketSize))),
			newDoc("n", of-1, "used", newDoc("$lt", bucketCapacity(of-1, slots))),
		})
	}
	some := func(filter bson.D, limit int64) (ns []int64, err error) {
		found, err := findAll[struct {
			N int64 `bson:"n"`
		}](ctx, s.pools, filter, options.Find().SetProjection(newDoc("n", 1)).SetLimit(limit))
		for _, b := range found {
			ns = append(ns, b.N)
		}
		return ns, err
	}
	if ns, err := some(roomy, bucketsPerSearch); len(ns) > 0 || err != nil {
		return ns, err
	}
	if of == 0 {
		last, err := findAll[bucket](ctx, s.pools, within, options.Find().SetProjection(newDoc("n", 1)).SetSort(newDoc("n", -1)).SetLimit(1))
		if len(last) == 0 || err != nil {
			return []int64{0}, err
		}
		return []int64{last[0].N + 1}, nil
	}
	made, err := s.pools.CountDocuments(ctx, within)
	if err != nil {
		return nil, mapError(err)
	}
	if made < of {
		ns, err := some(within, 0)
		for n := range of {
			if !slices.Contains(ns, n) {
				return []int64{n}, err
			}
		}
		return nil, err
	}
	return some(append(within, bson.E{Key: "next", Value: newDoc("$lte", now)}), bucketsPerSearch)
}

// releaseStraySeats frees the seats that were taken for a lease that was not stored, because another request has completed the claim with
// other seats, or undone it.
func (s *Store) releaseStraySeats(ctx context.Context, d activation, got seatResult) error {
	if d.Claim == nil || len(got.taken) == 0 {
		return nil
	}
	present, err := findOne[activation](ctx, s.activations, newDoc("_id", d.ID), project("held"))
	if err != nil && !errors.Is(err, licensing.ErrNotFound) {
		return err
	}
	for _, mine := range got.taken {
		if mine.Token == d.Claim.Token && !slices.ContainsFunc(present.Seats,
			func(h seat) bool { return h.Bucket == mine.Bucket && h.Token == mine.Token }) {
			if err := s.releaseSeat(ctx, mine.Bucket, d.Activation, mine.Token); err != nil {
				return err
			}
		}
	}
	return nil
}
