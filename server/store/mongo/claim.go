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

// An advance that takes something outside of the activation's own document, calls, a machine's place, seats, goes like this:
//
//  1. claim: the activation says which request is under way and all that is to be done for it.
//  2. take: the meter is charged and seats are placed, each with the claim's mark, so that twice is once.
//  3. commit: the lease, the new head and what is to be given back are stored, and the claim ends.
//  4. give back: dropped and lapsed seats, the place of a machine that said goodbye (owed.go).
//
// Nothing is given back before the commit, so until then all of it can be undone. A node that dies in between leaves a claim behind. The
// same request again, on whatever node, completes it from what the claim says. Anybody else who needs the activation, another request or
// the vendor, takes it back: the request was never answered, so it never happened, and if it comes again it is decided anew. Both are
// right also while the node that was thought dead is only slow: its commit names revision and mark, and what it takes is fenced by the
// mark (desk.go).

// claim is an advance under way.
type claim struct {
	Mark       string `bson:"mark"`
	Generation int64  `bson:"generation"`
	Number     int64  `bson:"number"`
	Link       string `bson:"link"`
	Request    string `bson:"request"`
	Revision   int64  `bson:"revision"` // of the license that it was decided on
	At         date   `bson:"at"`       // by the clock of the node
	Charges    bool   `bson:"charges"`  // the meter has a part in it
	Said       common `bson:",inline"`  // by the meter then; what is decided without it is decided on this
	Undoing    bool   `bson:"undoing"`
	Plan       plan   `bson:"plan"`
}

// plan is what is to be done: an Advance without its Compose.
type plan struct {
	Now      date           `bson:"now"`
	Who      string         `bson:"who"` // the activation
	Charge   charge         `bson:",inline"`
	Want     []want         `bson:"want"`
	Drop     []string       `bson:"drop"`
	Until    date           `bson:"until"`
	Goodbye  bool           `bson:"goodbye"`
	Seen     licensing.Seen `bson:"seen"`
	Activate *activateLimit `bson:"activate,omitempty"`
	Restore  *restoreLimit  `bson:"restore,omitempty"`
}

type charge struct {
	Counted   int64 `bson:"counted"`
	Allowance int64 `bson:"allowance"`
	Period    date  `bson:"period"`
	Block     int64 `bson:"block"`
	Lapse     bool  `bson:"lapse"`
	Extra     int64 `bson:"extra"`
}

// want is all that a request wants of one entitlement.
type want struct {
	Entitlement string `bson:"entitlement"`
	Context     string `bson:"context"`
	Slots       int64  `bson:"slots"`
	Pool        int64  `bson:"pool"` // slots by the license, 0: no limit; says where a seat goes that needs no free one
	Until       date   `bson:"until"`
	Narrowed    bool   `bson:"narrowed,omitempty"` // there may have been more slots before
}

type activateLimit struct {
	Limit       int64 `bson:"limit"`
	Window      int64 `bson:"window"`
	MaxMachines int64 `bson:"max_machines"`
	MoveLimit   int64 `bson:"move_limit"`
	MoveWindow  int64 `bson:"move_window"`
	Elsewhere   bool  `bson:"elsewhere,omitempty"`
}

type restoreLimit struct {
	Budget int64          `bson:"budget"`
	Window int64          `bson:"window"`
	Past   licensing.Past `bson:"past"`
}

func planOf(a *licensing.Advance, l limits) plan {
	p := plan{Now: dateOf(a.Now), Who: string(a.Key.Activation), Charge: chargeOf(a.Charge), Drop: a.Drop, Until: dateOf(a.Until), Goodbye: a.Goodbye, Seen: a.Seen}
	for _, w := range a.Want {
		next := want{w.Entitlement, w.Context, w.Slots, l.of(w.Entitlement), dateOf(w.Until), l.fewer(w.Entitlement)}
		at := p.wants(w.Entitlement)
		if at < 0 {
			p.Want = append(p.Want, next)
			continue
		}
		// Of two the second finds the first's seat.
		first := &p.Want[at]
		first.Until = max(first.Until, next.Until)
		if first.Slots >= 0 && (next.Slots < 0 || next.Slots > first.Slots) {
			first.Slots = next.Slots
		}
	}
	if a.Activate != nil {
		limit := activateLimit(*a.Activate)
		p.Activate = &limit
	}
	if a.Restore != nil {
		p.Restore = &restoreLimit{a.Restore.Budget, a.Restore.Window, a.Restore.Past}
	}
	return p
}

func chargeOf(c licensing.Charge) charge {
	return charge{c.Counted, c.Allowance, dateOf(c.Period), c.Block, c.Lapse, c.Extra}
}

func (c charge) record() licensing.Charge {
	return licensing.Charge{Counted: c.Counted, Allowance: c.Allowance, Period: timeOf(c.Period), Block: c.Block, Lapse: c.Lapse, Extra: c.Extra}
}

// account is the activation's after the charge, when the meter says this.
func (p *plan) account(d activation, said common) licensing.Account {
	return p.Charge.record().Apply(licensing.Account{Counted: d.Counted, Granted: d.Granted, Used: said.Used, Period: timeOf(said.Period), Before: said.Before})
}

// wants is the index of the want of an entitlement; -1: it is not wanted.
func (p *plan) wants(entitlement string) int {
	return slices.IndexFunc(p.Want, func(w want) bool { return w.Entitlement == entitlement })
}

// seats tells whether seats may be taken or promised for longer than any renewal.
func (p *plan) seats() bool { return !p.Goodbye && len(p.Want) > 0 }

// restore charges the activation's own budget of re-activations and replaces its past.
func (d *activation) restore(p *plan) error {
	if p.Restore == nil {
		return nil
	}
	end := d.RestoresFrom + date(p.Restore.Window)
	if p.Now >= end || d.Restores == 0 {
		d.RestoresFrom, d.Restores = p.Now, 0
		end = p.Now + date(p.Restore.Window)
	}
	if d.Restores >= p.Restore.Budget {
		return refuse(license.CodeRestoredTooOften, end, "%d re-activations in %d ms", d.Restores, p.Restore.Window)
	}
	d.Restores++
	d.Past = p.Restore.Past
	return nil
}

func (c *claim) isFor(a *licensing.Advance) bool {
	return c.Request == string(a.Request) && a.To == lease.Position{Generation: c.Generation, Number: c.Number, Link: lease.Hash(c.Link)}
}

// errAgain asks to read the activation again: somebody else has changed it, or is about to.
var errAgain = errors.New("somebody else is at work")

// claim writes ahead what is to be done. The document is made by a first activation.
func (s *Store) claim(ctx context.Context, d *activation, a *licensing.Advance, p plan, said common, charges bool) error {
	now := bson.NewDateTimeFromTime(s.now())
	d.Claim = &claim{Mark: newMark(), Generation: a.To.Generation, Number: a.To.Number, Link: string(a.To.Link), Request: string(a.Request),
		Revision: a.Revision, At: now, Charges: charges, Said: said, Plan: p}
	d.Open = now
	if d.ID == "" {
		d.ID, d.Rev, d.License, d.Activation = activationID(a.Key), 1, string(a.Key.License), string(a.Key.Activation)
		d.Org, d.Device, d.Folded = string(a.Org), a.Device, string(a.Key.Activation)
		err := s.insert(ctx, s.activations, d)
		if errors.Is(err, licensing.ErrExists) {
			return errAgain
		}
		return err
	}
	return s.move(ctx, d, with("_id", d.ID, "rev", d.Rev), with("$set", with("claim", d.Claim, "open", now)))
}

// move makes a change of an activation that is still as it was read; errAgain when it is not.
func (s *Store) move(ctx context.Context, d *activation, filter, update bson.D) error {
	met, err := s.change(ctx, s.activations, filter, append(update, bson.E{Key: "$inc", Value: with("rev", int64(1))}))
	if err == nil && !met {
		return errAgain
	}
	d.Rev++
	return err
}

// undo takes a claim back: first the mark is shut, so that nothing more is taken under it, then what was taken goes back, then the claim
// ends. Several may do it at a time.
func (s *Store) undo(ctx context.Context, d activation) error {
	c := d.Claim
	mine := func() bson.D { return byID(d.ID, "rev", d.Rev, "claim.mark", c.Mark) }
	if !c.Undoing {
		if err := s.move(ctx, &d, mine(), with("$set", with("claim.undoing", true))); err != nil {
			return err
		}
	}
	if c.Charges {
		err := s.metering.do(ctx, d.License, order[*meter]{apply: func(m *meter) error { m.takeBack(d.Activation, c.Mark); return nil }})
		if err != nil && !errors.Is(err, licensing.ErrNotFound) {
			return err
		}
	}
	if c.Plan.seats() {
		for _, w := range c.Plan.Want {
			if err := s.unplace(ctx, d, w.Entitlement); err != nil {
				return err
			}
		}
		for _, held := range d.Held {
			if c.Plan.wants(held.Entitlement) < 0 {
				continue
			}
			if err := s.lowerSeat(ctx, held.Bucket, d.Activation, c.Mark); err != nil {
				return err
			}
		}
	}
	if !d.known() {
		met, err := s.remove(ctx, s.activations, mine())
		if err == nil && !met {
			return errAgain
		}
		return err
	}
	return s.move(ctx, &d, mine(), with("$unset", with("claim", "", "open", "")))
}

// unplace frees the seats of one entitlement that were placed under the activation's claim.
func (s *Store) unplace(ctx context.Context, d activation, entitlement string) error {
	placed, err := s.placedUnder(ctx, d, entitlement)
	if err != nil {
		return err
	}
	for _, n := range placed {
		if err := s.freeSeat(ctx, bucketID(poolID(d.License, entitlement), n), d.Activation, d.Claim.Mark); err != nil {
			return err
		}
	}
	return nil
}

// placedUnder finds the buckets in which seats were placed under the activation's claim. It searches the whole pool: that is only needed
// where a node left a claim behind.
func (s *Store) placedUnder(ctx context.Context, d activation, entitlement string) ([]int64, error) {
	found, err := find[bucket](ctx, s.pools, with("pool", poolID(d.License, entitlement), "seats."+d.Activation+".mark", d.Claim.Mark),
		options.Find().SetProjection(with("n", 1)))
	var ns []int64
	for _, b := range found {
		ns = append(ns, b.N)
	}
	return ns, err
}

// old tells whether a claim has been under way for so long that its node is taken for dead.
func (s *Store) old(at date) bool { return s.now().Sub(at.Time()) >= s.patience }
