package mongo

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// seating is what became of an activation's seats. Nothing of left has been given back yet.
type seating struct {
	kept   []seat // held before and renewed
	taken  []seat // of this request's wants
	denied []want
	left   []seat // dropped, or lapsed
	swaps  []swap // of those taken, which were other seats before
}

// tell puts it into an outcome.
func (g *seating) tell(out *licensing.Outcome) {
	for _, s := range slices.Concat(g.kept, g.taken) {
		out.Reservations = append(out.Reservations, lease.Reservation{Slot: lease.Slot{Entitlement: s.Entitlement, Context: s.Context}, Until: timeOf(s.Until)})
	}
	for _, w := range g.denied {
		out.Denied = append(out.Denied, lease.Denial{Slot: lease.Slot{Entitlement: w.Entitlement, Context: w.Context}, Code: license.CodeNoSlots})
	}
}

// holding is a seat that is held and stays held, if it is still there.
type holding struct {
	seat
	at    int  // its want; -1: it is not wanted
	anew  bool // dropped and wanted
	there bool
	fits  bool // there is a slot for it, if it needs one
}

// seats renews what is held and takes what is wanted. With an error it still tells what was taken.
func (s *Store) seats(ctx context.Context, d activation, p *plan, again bool) (got seating, err error) {
	var holdings []holding
	for _, held := range d.holding() {
		dropped, at := slices.Contains(p.Drop, held.Entitlement), p.wants(held.Entitlement)
		if p.Goodbye || held.Until <= p.Now || dropped && at < 0 {
			got.left = append(got.left, held)
		} else {
			holdings = append(holdings, holding{seat: held, at: at, anew: dropped})
		}
	}
	if err := each(len(holdings), func(i int) error { return s.renewSeat(ctx, d, p, &holdings[i]) }); err != nil {
		return got, err
	}
	results, done, elsewhere := make([]*seat, len(p.Want)), make([]bool, len(p.Want)), make([]string, len(p.Want))
	for _, h := range holdings {
		switch {
		case !h.there: // lapsed for others, or taken back by the vendor
		case !h.anew:
			got.kept = append(got.kept, h.seat)
			if h.at >= 0 {
				done[h.at] = true
			}
		case h.fits:
			w := p.Want[h.at]
			next := seat{w.Entitlement, w.Context, p.Now, w.Until, h.Bucket, newMark()}
			results[h.at], done[h.at] = &next, true
			got.swaps = append(got.swaps, swap{h.Mark, next})
		default:
			got.left = append(got.left, h.seat)
			elsewhere[h.at] = h.Bucket
		}
	}
	err = each(len(p.Want), func(i int) (err error) {
		if w := p.Want[i]; !done[i] && !p.Goodbye && w.Slots != 0 {
			results[i], err = s.takeSeat(ctx, d, p, w, again, elsewhere[i])
		}
		return err
	})
	for i, w := range p.Want {
		if results[i] != nil {
			got.taken = append(got.taken, *results[i])
		} else if !done[i] {
			got.denied = append(got.denied, w)
		}
	}
	return got, err
}

// each calls f for every index, side by side.
func each(n int, f func(i int) error) error {
	if n == 0 {
		return nil
	}
	calls := make([]func() error, n)
	for i := range n {
		calls[i] = func() error { return f(i) }
	}
	return together(calls...)
}

// renewSeat sees to it that a seat outlives the request. One that is wanted for longer is promised under the claim.
func (s *Store) renewSeat(ctx context.Context, d activation, p *plan, h *holding) error {
	o, claim, slots := order[*bucket]{about: d.Activation}, "", int64(licensing.Unlimited)
	if h.at >= 0 {
		if d.Claim != nil {
			claim, o.mark = d.Claim.Mark, mark{d.ID, d.Claim.Mark}
		}
		h.Until, slots = max(h.Until, p.Want[h.at].Until), p.Want[h.at].Slots
	}
	h.Until = max(h.Until, p.Until)
	o.apply = func(b *bucket) error {
		h.fits = !h.anew || slots < 0 || b.room(d.Activation, p.Now, capacity(b.N, slots))
		h.there = b.renew(d.Activation, h.Mark, h.Until, claim)
		return nil
	}
	err := s.seating.do(ctx, h.Bucket, o)
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Store) lowerSeat(ctx context.Context, bucketID, key, claim string) error {
	err := s.seating.do(ctx, bucketID, order[*bucket]{about: key, apply: func(b *bucket) error { b.lower(key, claim); return nil }})
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Store) swapSeat(ctx context.Context, key string, w swap) error {
	next := placed{Mark: w.Now.Mark, Context: w.Now.Context, Since: w.Now.Since, Until: w.Now.Until}
	err := s.seating.do(ctx, w.Now.Bucket, order[*bucket]{about: key, apply: func(b *bucket) error { b.swap(key, w.Was, next); return nil }})
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Store) freeSeat(ctx context.Context, bucketID, key, mark string) error {
	err := s.seating.do(ctx, bucketID, order[*bucket]{about: key, apply: func(b *bucket) error { b.free(key, mark); return nil }})
	s.crowded.forget(bucketID)
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

// unlimitedSpread is among how many buckets the activations of a pool without limit look first.
const unlimitedSpread = 8

// few is how many buckets are looked into at a time, rounds how often more are looked for while others take the seats that were found.
const (
	few    = 4
	rounds = 4
)

// takeSeat finds a seat; nil: none is free. It does not look into the bucket that is excepted.
func (s *Store) takeSeat(ctx context.Context, d activation, p *plan, w want, again bool, except string) (*seat, error) {
	pool := poolID(d.License, w.Entitlement)
	try := func(n int64, most int64) (*seat, error) {
		id, taken := bucketID(pool, n), false
		if id == except {
			return nil, nil
		}
		err := s.seating.do(ctx, id, order[*bucket]{
			about: d.Activation,
			mark:  mark{d.ID, d.Claim.Mark},
			make:  func() *bucket { return newBucket(d.License, w.Entitlement, n) },
			apply: func(b *bucket) error {
				taken = b.place(d.Activation, placed{Mark: d.Claim.Mark, Context: w.Context, Since: p.Now, Until: w.Until}, p.Now, most)
				return nil
			},
		})
		if err != nil || !taken {
			return nil, err
		}
		return &seat{w.Entitlement, w.Context, p.Now, w.Until, id, d.Claim.Mark}, nil
	}
	if again {
		placed, err := s.placedUnder(ctx, d, w.Entitlement)
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
	if slots > 0 && w.Narrowed {
		left, err := s.remaining(ctx, d, pool, slots, p.Now, except)
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
	if got, err := try(home(d.Activation, buckets(w.Pool)), overfull); got != nil || err != nil {
		return got, err
	}
	return s.searchSeat(ctx, d, pool, licensing.Unlimited, p.Now, try)
}

// searchSeat looks in the activation's home bucket, then in one that has room, then in one that does not exist yet, then in one where a
// seat has lapsed. It costs the same however large the pool is.
func (s *Store) searchSeat(ctx context.Context, d activation, pool string, slots int64, now date, try func(n, most int64) (*seat, error)) (*seat, error) {
	of := buckets(slots)
	among := of
	if of == 0 {
		among = unlimitedSpread
	}
	first := home(d.Activation, among)
	if id := bucketID(pool, first); of == 1 || !s.crowded.has(id, s.now()) {
		if got, err := try(first, capacity(first, slots)); got != nil || err != nil || of == 1 {
			return got, err
		}
		s.crowded.note(id, s.now())
	}
	// A bucket in which no seat has lapsed, though one might have, says so from then on: the search ends.
	for round := int64(0); round < rounds+of/few || of == 0; round++ {
		found, err := s.promising(ctx, pool, slots, now)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		for _, n := range found {
			if got, err := try(n, capacity(n, slots)); got != nil || err != nil {
				return got, err
			}
		}
	}
	return nil, nil
}

// promising is a few buckets of a pool in which a seat may be free.
func (s *Store) promising(ctx context.Context, pool string, slots int64, now date) ([]int64, error) {
	of := buckets(slots)
	within, roomy := with("pool", pool), with("pool", pool, "used", with("$lt", int64(bucketSize)))
	if of > 0 {
		within = with("pool", pool, "n", with("$lt", of))
		roomy = with("pool", pool, "$or", bson.A{
			with("n", with("$lt", of-1), "used", with("$lt", int64(bucketSize))),
			with("n", of-1, "used", with("$lt", capacity(of-1, slots))),
		})
	}
	some := func(filter bson.D, limit int64) (ns []int64, err error) {
		found, err := find[struct {
			N int64 `bson:"n"`
		}](ctx, s.pools, filter, options.Find().SetProjection(with("n", 1)).SetLimit(limit))
		for _, b := range found {
			ns = append(ns, b.N)
		}
		return ns, err
	}
	if ns, err := some(roomy, few); len(ns) > 0 || err != nil {
		return ns, err
	}
	if of == 0 {
		last, err := find[bucket](ctx, s.pools, within, options.Find().SetProjection(with("n", 1)).SetSort(with("n", -1)).SetLimit(1))
		if len(last) == 0 || err != nil {
			return []int64{0}, err
		}
		return []int64{last[0].N + 1}, nil
	}
	made, err := s.pools.CountDocuments(ctx, within)
	if err != nil {
		return nil, meant(err)
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
	return some(append(within, bson.E{Key: "next", Value: with("$lte", now)}), few)
}

// dropStray frees the seats that were taken for a lease which was not stored, because somebody else has completed the claim with other
// seats, or taken it back.
func (s *Store) dropStray(ctx context.Context, d activation, got seating) error {
	if d.Claim == nil || len(got.taken) == 0 {
		return nil
	}
	present, err := one[activation](ctx, s.activations, with("_id", d.ID), only("held"))
	if err != nil && !errors.Is(err, licensing.ErrNotFound) {
		return err
	}
	for _, mine := range got.taken {
		if mine.Mark == d.Claim.Mark && !slices.ContainsFunc(present.Held, func(h seat) bool { return h.Bucket == mine.Bucket && h.Mark == mine.Mark }) {
			if err := s.freeSeat(ctx, mine.Bucket, d.Activation, mine.Mark); err != nil {
				return err
			}
		}
	}
	return nil
}
