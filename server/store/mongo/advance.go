package mongo

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// tries is how often an advance looks again while somebody else is at work on the activation: about a second, after which the domain
// decides anew.
const tries = 30

// Advance implements licensing.Chains. It is told in claim.go.
//
// The license's revision is read before the claim is written. A license that is suspended between the two gets at worst the leases that
// were under way at that moment; every request that comes after the suspension was acknowledged is refused.
func (s *Store) Advance(ctx context.Context, a licensing.Advance) (lease.Document, error) {
	end, err := s.turns.take(ctx, activationID(a.Key))
	if err != nil {
		return nil, err
	}
	defer end()
	for attempt := range tries {
		document, err := s.advance(ctx, &a)
		if !errors.Is(err, errAgain) {
			return document, err
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
	return nil, licensing.ErrStale
}

func (s *Store) advance(ctx context.Context, a *licensing.Advance) (lease.Document, error) {
	d, m, l, err := s.look(ctx, a)
	if err != nil {
		return nil, err
	}
	// What is begun is brought to its end, also when the one who asked has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operation)
	defer cancel()
	if d.Owed != nil {
		return nil, errors.Join(s.settle(ctx, d), errAgain)
	}
	if d.known() && d.head() == a.To && d.Request == string(a.Request) {
		return d.Lease, nil
	}
	// A claim's past was made from the one that is stored as long as the claim stands: whoever remembers another takes the claim back
	// first. So what was decided on another past neither completes a claim nor takes it back.
	if a.Restore != nil && d.Past.Turn != a.Restore.Past.Turn-1 {
		return nil, licensing.ErrStale
	}
	if c := d.Claim; c != nil {
		switch {
		case c.isFor(a) && !c.Undoing && c.Revision == a.Revision:
			return s.carryOut(ctx, d, a, &c.Plan, m, true)
		case c.isFor(a), c.Undoing, s.old(c.At):
			return nil, orAgain(s.undo(ctx, d))
		}
		return nil, errAgain
	}
	if l.Revision != a.Revision || d.head() != a.From || (d.Closed != 0 || !d.known()) != (a.Activate != nil) {
		return nil, licensing.ErrStale
	}
	p := planOf(a, l)
	charges, err := s.preview(d, m, a, &p)
	if limit := (*licensing.Limit)(nil); errors.As(err, &limit) {
		return nil, s.unless(ctx, d, a, err)
	} else if err != nil {
		return nil, err
	}
	if charges || p.seats() {
		if err := s.claim(ctx, &d, a, p, m.common(), charges); err != nil {
			return nil, err
		}
	}
	return s.carryOut(ctx, d, a, &p, m, false)
}

// orAgain is errAgain after something that went well.
func orAgain(err error) error {
	if err == nil {
		return errAgain
	}
	return err
}

// unless gives the refusal unless the activation has changed since it was read: what stands against the request may be its own doing, on
// another node.
func (s *Store) unless(ctx context.Context, d activation, a *licensing.Advance, refusal error) error {
	present, err := one[activation](ctx, s.activations, with("_id", activationID(a.Key)), only("rev"))
	if err != nil && !errors.Is(err, licensing.ErrNotFound) {
		return err
	}
	if present.Rev != d.Rev {
		return errAgain
	}
	return refusal
}

// limits are what an advance needs to know of its license.
type limits struct {
	Revision     int64         `bson:"revision"`
	Entitlements []entitlement `bson:"entitlements"`
	Narrowed     []string      `bson:"narrowed"`
	Holds        []holdOf      `bson:"holds"`
}

// holdOf is whose slots are reserved ahead.
type holdOf struct {
	Entitlement string `bson:"entitlement"`
}

// of is how many slots there are of an entitlement; 0: no limit.
func (l limits) of(entitlement string) int64 {
	for _, e := range l.Entitlements {
		if e.Name == entitlement {
			return e.Slots
		}
	}
	return 0
}

// look reads all that an advance is decided on.
func (s *Store) look(ctx context.Context, a *licensing.Advance) (d activation, m *meter, l limits, err error) {
	id := string(a.Key.License)
	members := []string{"revision"}
	if len(a.Want) > 0 {
		members = append(members, "narrowed", "holds.entitlement")
	}
	if slices.ContainsFunc(a.Want, func(w licensing.Want) bool { return w.Slots < 0 }) {
		members = append(members, "entitlements")
	}
	var raw bson.Raw
	err = together(
		func() (err error) {
			d, err = one[activation](ctx, s.activations, with("_id", activationID(a.Key)))
			if errors.Is(err, licensing.ErrNotFound) {
				return nil
			}
			return err
		},
		func() (err error) {
			l, err = one[limits](ctx, s.licenses, with("_id", id, "org", string(a.Org)), only(members...))
			return err
		},
		func() (err error) { raw, err = one[bson.Raw](ctx, s.meters, with("_id", id)); return err },
	)
	if err == nil {
		m, err = decodeMeter(raw)
	}
	return d, m, l, err
}

// preview decides on what was read, without changing anything: most refusals end here. It tells whether the meter is to be charged.
func (s *Store) preview(d activation, m *meter, a *licensing.Advance, p *plan) (charges bool, err error) {
	if err := d.restore(p); err != nil {
		return false, err
	}
	trial := m.record()
	if err := p.admit(&trial, d); err != nil {
		return false, err
	}
	account := p.account(d, m.common())
	out := account.Outcome()
	for _, w := range p.Want {
		out.Reservations = append(out.Reservations, lease.Reservation{Slot: lease.Slot{Entitlement: w.Entitlement, Context: w.Context}, Until: timeOf(w.Until)})
	}
	_, err = a.Compose(out)
	return account.Used != m.Used || p.Activate != nil, err
}

// carryOut does what the plan says, under the activation's claim if there is one. again is set when another may have begun with it.
func (s *Store) carryOut(ctx context.Context, d activation, a *licensing.Advance, p *plan, m *meter, again bool) (lease.Document, error) {
	// What is decided without the meter must charge nothing, also if others have been given calls back since.
	said := m.common()
	if d.Claim != nil {
		said = d.Claim.Said
	}
	account := p.account(d, said)
	if c := d.Claim; c != nil && c.Charges {
		err := s.metering.do(ctx, d.License, order[*meter]{mark: mark{d.ID, c.Mark}, seen: m, fresh: !again && len(m.Traces) < solitary, apply: func(m *meter) (err error) {
			account, err = m.charge(c.Mark, p, d)
			return err
		}})
		if limit := (*licensing.Limit)(nil); errors.As(err, &limit) || errors.Is(err, licensing.ErrNotFound) {
			return nil, errors.Join(s.undo(ctx, d), err)
		} else if errors.Is(err, errClosed) {
			return nil, errAgain
		} else if err != nil {
			return nil, err
		}
	}
	got, err := s.seats(ctx, d, p, again)
	if errors.Is(err, errClosed) {
		return nil, errors.Join(s.dropStray(ctx, d, got), errAgain)
	} else if err != nil {
		return nil, err
	}
	out := account.Outcome()
	got.tell(&out)
	document, err := a.Compose(out)
	if err != nil {
		if d.Claim != nil {
			err = errors.Join(err, s.undo(ctx, d))
		}
		return nil, err
	}
	next, err := s.commit(ctx, d, a, p, got, account, document)
	if errors.Is(err, errAgain) {
		return nil, errors.Join(s.dropStray(ctx, d, got), errAgain)
	} else if err != nil {
		return nil, err
	}
	if next.Owed != nil {
		// The lease is given already. If this fails, it is done by whoever comes next.
		_ = s.settle(ctx, next)
	}
	return document, nil
}

// commit stores the lease and ends the claim.
func (s *Store) commit(ctx context.Context, d activation, a *licensing.Advance, p *plan, got seating, account licensing.Account, document lease.Document) (activation, error) {
	next := d
	if err := next.restore(p); err != nil {
		return next, err
	}
	if p.Activate != nil {
		next.Created, next.Closed = p.Now, 0
	}
	if p.Goodbye {
		next.Closed = p.Now
	}
	next.Generation, next.Number, next.Link = a.To.Generation, a.To.Number, string(a.To.Link)
	next.Request, next.Lease, next.LastSync, next.Counted, next.Device = string(a.Request), document, p.Now, account.Counted, a.Device
	next.Granted, next.Seen = account.Granted, p.Seen
	next.Held = slices.Concat(got.kept, got.taken)
	set := with("generation", next.Generation, "number", next.Number, "link", next.Link, "request", next.Request, "lease", next.Lease,
		"last_sync", next.LastSync, "counted", next.Counted, "granted", next.Granted, "device", next.Device, "created", next.Created, "closed", next.Closed,
		"restores", next.Restores, "restores_from", next.RestoresFrom, "past", next.Past, "seen", next.Seen, "held", next.Held)
	unset := bson.D{}
	filter := byID(d.ID, "rev", d.Rev)
	if d.Claim != nil {
		filter = append(filter, bson.E{Key: "claim.mark", Value: d.Claim.Mark})
		unset = with("claim", "")
	}
	if next.Claim = nil; len(got.left)+len(got.swaps) > 0 || p.Goodbye {
		next.Owed = &owed{Mark: newMark(), Release: got.left, Swap: got.swaps, Depart: p.Goodbye}
		next.Open = bson.NewDateTimeFromTime(s.now())
		set = append(set, bson.E{Key: "owed", Value: next.Owed}, bson.E{Key: "open", Value: next.Open})
	} else if d.Claim != nil {
		unset = append(unset, bson.E{Key: "open", Value: ""})
	}
	update := bson.D{{Key: "$set", Value: set}}
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	return next, s.move(ctx, &next, filter, update)
}
