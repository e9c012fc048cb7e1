package mongo

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// owed is what an activation has given up and the pools and the meter do not know yet. It was written together with what made it so, and
// whoever meets it pays it.
type owed struct {
	Mark    string `bson:"mark"`
	Release []seat `bson:"release"`
	Swap    []swap `bson:"swap"`
	Depart  bool   `bson:"depart"` // the machine's place too
	Free    bool   `bson:"free"`   // the same, for the vendor: a newcomer may have it
}

// swap is a seat that was dropped and wanted in one request: it stays where it is, and is another.
type swap struct {
	Was string `bson:"was"` // its mark before
	Now seat   `bson:"now"`
}

// settle pays what is owed. Several may do it at a time.
func (s *Store) settle(ctx context.Context, d activation) error {
	o := d.Owed
	if err := each(len(o.Release), func(i int) error {
		return s.freeSeat(ctx, o.Release[i].Bucket, d.Activation, o.Release[i].Mark)
	}); err != nil {
		return err
	}
	if err := each(len(o.Swap), func(i int) error { return s.swapSeat(ctx, d.Activation, o.Swap[i]) }); err != nil {
		return err
	}
	if o.Depart || o.Free {
		err := s.metering.do(ctx, d.License, order[*meter]{mark: mark{d.ID, o.Mark}, apply: func(m *meter) error { m.depart(d.Activation, o); return nil }})
		if err != nil && !errors.Is(err, errClosed) && !errors.Is(err, licensing.ErrNotFound) {
			return err
		}
	}
	_, err := s.change(ctx, s.activations, byID(d.ID, "owed.mark", o.Mark), with("$unset", with("owed", "", "open", ""), "$inc", with("rev", int64(1))))
	return err
}

// Deactivate implements licensing.Chains. A request that is under way is taken back.
func (s *Store) Deactivate(ctx context.Context, org license.ID, key licensing.ActivationKey, now lease.Time) error {
	if err := s.giveUp(ctx, org, key, func(d *activation) (bson.D, owed) {
		if d.Closed != 0 {
			return nil, owed{}
		}
		return with("closed", dateOf(now), "held", bson.A{}), owed{Release: d.Held, Free: true}
	}); err != nil {
		return err
	}
	// What it had given up itself is freed too; that twice is once.
	err := s.metering.do(ctx, string(key.License), order[*meter]{apply: func(m *meter) error {
		r := m.record()
		r.Free(key.Activation, false)
		m.put(r)
		return nil
	}})
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

// Name implements licensing.Chains. Whatever is under way leaves the name alone.
func (s *Store) Name(ctx context.Context, org license.ID, key licensing.ActivationKey, name string) error {
	id := activationID(key)
	met, err := s.change(ctx, s.activations, byID(id, "org", string(org), "generation", with("$gt", int64(0))),
		with("$set", with("name", name, "folded", fold(string(key.Activation), name))))
	if err == nil && !met {
		err = licensing.ErrNotFound
	}
	return err
}

// FreeReservation implements licensing.Chains. A request that is under way is taken back.
func (s *Store) FreeReservation(ctx context.Context, org license.ID, key licensing.ActivationKey, entitlement string, _ lease.Time) error {
	return s.giveUp(ctx, org, key, func(d *activation) (bson.D, owed) {
		kept, left := []seat{}, []seat{}
		for _, h := range d.Held {
			if h.Entitlement == entitlement {
				left = append(left, h)
			} else {
				kept = append(kept, h)
			}
		}
		if len(left) == 0 {
			return nil, owed{}
		}
		return with("held", kept), owed{Release: left}
	})
}

// giveUp makes a change by which the activation owes something, and pays it. decide gives nothing when there is nothing to do.
func (s *Store) giveUp(ctx context.Context, org license.ID, key licensing.ActivationKey, decide func(*activation) (bson.D, owed)) error {
	return s.atRest(ctx, byID(activationID(key), "org", string(org)), func(*activation) error { return nil }, func(d activation) error {
		set, owes := decide(&d)
		if set == nil {
			return nil
		}
		owes.Mark, d.Owed = newMark(), &owes
		open := bson.NewDateTimeFromTime(s.now())
		err := s.move(ctx, &d, byID(d.ID, "rev", d.Rev), with("$set", slices.Concat(set, with("owed", owes, "open", open))))
		if err != nil {
			return err
		}
		return s.settle(ctx, d)
	})
}

// atRest makes a change of an activation when nothing is under way and nothing is owed; a request that is under way is taken back. What
// check says is final.
func (s *Store) atRest(ctx context.Context, filter bson.D, check func(*activation) error, change func(activation) error) error {
	end, err := s.turns.take(ctx, filter[0].Value.(string))
	if err != nil {
		return err
	}
	defer end()
	for attempt := 0; ; attempt++ {
		d, err := one[activation](ctx, s.activations, filter)
		if err == nil && !d.known() {
			err = licensing.ErrNotFound
		}
		if err == nil {
			err = check(&d)
		}
		if err != nil {
			return err
		}
		switch {
		case d.Owed != nil:
			err = orAgain(s.settle(ctx, d))
		case d.Claim != nil:
			err = orAgain(s.undo(ctx, d))
		default:
			err = change(d)
		}
		if !errors.Is(err, errAgain) {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}
