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

// pendingRelease lists what an activation has given up that is not released in the pools and the meter yet. It is written together with the
// change that gave it up, and the next request of the activation, or the sweep, releases it.
type pendingRelease struct {
	Token         string     `bson:"mark"`
	Release       []seat     `bson:"release"`
	Swap          []seatSwap `bson:"swap"`
	Leave         bool       `bson:"depart"` // give up the machine's place
	VendorRelease bool       `bson:"free"`   // release the machine's place for the vendor: a newcomer may have it
}

// seatSwap is a seat that was released and requested in one request: it stays in its place but is a new seat.
type seatSwap struct {
	OldToken string `bson:"was"` // its token before
	NewSeat  seat   `bson:"now"`
}

// releasePending releases what is pending. Several requests may do so at the same time.
func (s *Store) releasePending(ctx context.Context, d activation) error {
	o := d.Pending
	if err := parallelEach(len(o.Release), func(i int) error {
		return s.releaseSeat(ctx, o.Release[i].Bucket, d.Activation, o.Release[i].Token)
	}); err != nil {
		return err
	}
	if err := parallelEach(len(o.Swap), func(i int) error { return s.swapSeat(ctx, d.Activation, o.Swap[i]) }); err != nil {
		return err
	}
	if o.Leave || o.VendorRelease {
		err := s.meterWriter.submit(ctx, d.License, pendingWrite[*meter]{token: claimToken{d.ID, o.Token},
			apply: func(m *meter) error { m.vacate(d.Activation, o); return nil }})
		if err != nil && !errors.Is(err, errTokenClosed) && !errors.Is(err, licensing.ErrNotFound) {
			return err
		}
	}
	_, err := s.updateOne(ctx, s.activations, byID(d.ID, "owed.mark", o.Token),
		newDoc("$unset", newDoc("owed", "", "open", ""), "$inc", newDoc("rev", int64(1))))
	return err
}

// Deactivate implements licensing.SyncStore. A request in progress is undone.
func (s *Store) Deactivate(ctx context.Context, org license.ID, key licensing.ActivationKey, now lease.Time) error {
	if err := s.updateAndRelease(ctx, org, key, func(d *activation) (bson.D, pendingRelease) {
		if d.Closed != 0 {
			return nil, pendingRelease{}
		}
		return newDoc("closed", dateOf(now), "held", bson.A{}), pendingRelease{Release: d.Seats, VendorRelease: true}
	}); err != nil {
		return err
	}
	// A place that the activation itself has given up is released too. Repeating it has no effect.
	err := s.meterWriter.submit(ctx, string(key.License), pendingWrite[*meter]{apply: func(m *meter) error {
		r := m.record()
		r.Release(key.Activation, false)
		m.setRecord(r)
		return nil
	}})
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	}
	return err
}

// NameActivation implements licensing.SyncStore. Requests in progress do not change the name.
func (s *Store) NameActivation(ctx context.Context, org license.ID, key licensing.ActivationKey, name string) error {
	id := activationID(key)
	met, err := s.updateOne(ctx, s.activations, byID(id, "org", string(org), "generation", newDoc("$gt", int64(0))),
		newDoc("$set", newDoc("name", name, "folded", foldCase(string(key.Activation), name))))
	if err == nil && !met {
		err = licensing.ErrNotFound
	}
	return err
}

// FreeReservation implements licensing.SyncStore. A request in progress is undone.
func (s *Store) FreeReservation(ctx context.Context, org license.ID, key licensing.ActivationKey, entitlement string, _ lease.Time) error {
	return s.updateAndRelease(ctx, org, key, func(d *activation) (bson.D, pendingRelease) {
		kept, left := []seat{}, []seat{}
		for _, h := range d.Seats {
			if h.Entitlement == entitlement {
				left = append(left, h)
			} else {
				kept = append(kept, h)
			}
		}
		if len(left) == 0 {
			return nil, pendingRelease{}
		}
		return newDoc("held", kept), pendingRelease{Release: left}
	})
}

// updateAndRelease makes a change by which the activation gives something up, and releases it. decide returns a nil document when there is
// nothing to change.
func (s *Store) updateAndRelease(ctx context.Context, org license.ID, key licensing.ActivationKey,
	decide func(*activation) (bson.D, pendingRelease)) error {
	return s.updateIdle(ctx, byID(activationID(key), "org", string(org)), func(*activation) error { return nil }, func(d activation) error {
		set, owes := decide(&d)
		if set == nil {
			return nil
		}
		owes.Token, d.Pending = newToken(), &owes
		open := bson.NewDateTimeFromTime(s.now())
		err := s.updateActivation(ctx, &d, byID(d.ID, "rev", d.Rev), newDoc("$set", slices.Concat(set, newDoc("owed", owes, "open", open))))
		if err != nil {
			return err
		}
		return s.releasePending(ctx, d)
	})
}

// updateIdle makes a change of an activation when no request is in progress and nothing is pending; a request in progress is undone first.
// An error of check is returned at once.
func (s *Store) updateIdle(ctx context.Context, filter bson.D, check func(*activation) error, change func(activation) error) error {
	end, err := s.activationLocks.lock(ctx, filter[0].Value.(string))
	if err != nil {
		return err
	}
	defer end()
	for attempt := 0; ; attempt++ {
		d, err := findOne[activation](ctx, s.activations, filter)
		if err == nil && !d.isActivated() {
			err = licensing.ErrNotFound
		}
		if err == nil {
			err = check(&d)
		}
		if err != nil {
			return err
		}
		switch {
		case d.Pending != nil:
			err = orRetry(s.releasePending(ctx, d))
		case d.Claim != nil:
			err = orRetry(s.undoClaim(ctx, d))
		default:
			err = change(d)
		}
		if !errors.Is(err, errRetry) {
			return err
		}
		if err := backOff(ctx, attempt); err != nil {
			return err
		}
	}
}
