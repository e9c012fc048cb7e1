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
}

// tell puts it into an outcome.
func (g *seating) tell(out *licensing.Outcome, p *plan) {
	for _, s := range slices.Concat(g.kept, g.taken) {
		out.Reservations = append(out.Reservations, lease.Reservation{Slot: lease.Slot{Entitlement: s.Entitlement, Context: s.Context}, Until: timeOf(p.Until)})
	}
	for _, w := range g.denied {
		out.Denied = append(out.Denied, lease.Denial{Slot: lease.Slot{Entitlement: w.Entitlement, Context: w.Context}, Code: license.CodeNoSlots})
	}
}

// seats renews what is held and takes what is wanted. With an error it still tells what was taken. What is dropped and wanted in one request is kept, as if it had been taken anew.
func (s *Store) seats(ctx context.Context, d activation, p *plan, again bool) (got seating, err error) {
	wanted := func(entitlement string) int {
		return slices.IndexFunc(p.Want, func(w want) bool { return w.Entitlement == entitlement })
	}
	results := make([]*seat, len(p.Want))
	var renewals []seat
	for _, held := range d.holding() {
		dropped, at := slices.Contains(p.Drop, held.Entitlement), wanted(held.Entitlement)
		if p.Goodbye || held.Until <= p.Now || dropped && at < 0 {
			got.left = append(got.left, held)
			continue
		}
		held.Until = p.Until
		if dropped {
			held.Context, held.Since = p.Want[at].Context, p.Now
		}
		renewals = append(renewals, held)
	}
	there := make([]bool, len(renewals))
	if err := each(len(renewals), func(i int) (err error) { there[i], err = s.renewSeat(ctx, d, renewals[i]); return err }); err != nil {
		return got, err
	}
	for i, held := range renewals {
		if at := wanted(held.Entitlement); !there[i] {
			continue // lapsed for others, or taken back by the vendor
		} else if at >= 0 && slices.Contains(p.Drop, held.Entitlement) {
			results[at] = &held
		} else {
			got.kept = append(got.kept, held)
		}
	}
	held := func(w want) bool {
		return slices.ContainsFunc(got.kept, func(k seat) bool { return k.Entitlement == w.Entitlement })
	}
	err = each(len(p.Want), func(i int) (err error) {
		if w := p.Want[i]; results[i] == nil && !held(w) && !p.Goodbye && w.Slots != 0 && wanted(w.Entitlement) == i {
			results[i], err = s.takeSeat(ctx, d, p, w, again)
		}
		return err
	})
	for i, w := range p.Want {
		if results[i] != nil {
			got.taken = append(got.taken, *results[i])
		} else if !held(w) && wanted(w.Entitlement) == i {
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

func (s *Store) renewSeat(ctx context.Context, d activation, held seat) (there bool, err error) {
	err = s.seating.do(ctx, held.Bucket, order[*bucket]{apply: func(b *bucket) error {
		there = b.renew(d.Activation, placed{held.Mark, held.Context, held.Since, held.Until})
		return nil
	}})
	if errors.Is(err, licensing.ErrNotFound) {
		return false, nil
	}
	return there, err
}

func (s *Store) freeSeat(ctx context.Context, bucketID, key, mark string) error {
	err := s.seating.do(ctx, bucketID, order[*bucket]{apply: func(b *bucket) error { b.free(key, mark); return nil }})
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

// unlimitedSpread is among how many buckets the activations of a pool without limit look first.
const unlimitedSpread = 8

// rounds is how often a seat is looked for while others take those that were found.
const rounds = 4

// takeSeat finds a free seat: in the activation's home bucket, then in one that has room, then in one that does not exist yet, then in one
// where a seat has lapsed. It costs the same however large the pool is. nil: none is free.
func (s *Store) takeSeat(ctx context.Context, d activation, p *plan, w want, again bool) (*seat, error) {
	try := func(id string, n int64) (*seat, error) {
		taken := false
		err := s.seating.do(ctx, id, order[*bucket]{
			mark: mark{d.ID, d.Claim.Mark},
			make: func() *bucket { return newBucket(d.License, w.Entitlement, n) },
			apply: func(b *bucket) error {
				taken = b.place(d.Activation, placed{d.Claim.Mark, w.Context, p.Now, p.Until}, p.Now, w.Slots)
				return nil
			},
		})
		if err != nil || !taken {
			return nil, err
		}
		return &seat{w.Entitlement, w.Context, p.Now, p.Until, id, d.Claim.Mark}, nil
	}
	if again {
		placed, err := s.placedUnder(ctx, d, w.Entitlement)
		if err != nil {
			return nil, err
		}
		for _, id := range placed {
			if got, err := try(id, 0); got != nil || err != nil {
				return got, err
			}
		}
	}
	pool, of := poolID(d.License, w.Entitlement), buckets(w.Slots)
	among := of
	if of == 0 {
		among = unlimitedSpread
	}
	first := home(d.Activation, among)
	if got, err := try(bucketID(pool, first), first); got != nil || err != nil || of == 1 {
		return got, err
	}
	for range rounds {
		found, err := s.promising(ctx, pool, w.Slots, p.Now)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		for _, n := range found {
			if got, err := try(bucketID(pool, n), n); got != nil || err != nil {
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
	few := func(filter bson.D, limit int64) (ns []int64, err error) {
		found, err := find[struct {
			N int64 `bson:"n"`
		}](ctx, s.pools, filter, options.Find().SetProjection(with("n", 1)).SetLimit(limit))
		for _, b := range found {
			ns = append(ns, b.N)
		}
		return ns, err
	}
	if ns, err := few(roomy, 4); len(ns) > 0 || err != nil {
		return ns, err
	}
	made, err := s.pools.CountDocuments(ctx, within)
	if err != nil {
		return nil, meant(err)
	}
	if of == 0 {
		return []int64{made}, nil
	}
	if made < of {
		ns, err := few(within, 0)
		for n := range of {
			if !slices.Contains(ns, n) {
				return []int64{n}, err
			}
		}
		return nil, err
	}
	return few(append(within, bson.E{Key: "next", Value: with("$lte", now)}), 4)
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
