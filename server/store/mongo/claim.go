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
	Undoing    bool   `bson:"undoing"`
	Plan       plan   `bson:"plan"`
}

// plan is what is to be done: an Advance without its Compose.
type plan struct {
	Now       date           `bson:"now"`
	Counted   int64          `bson:"counted"`
	Allowance int64          `bson:"allowance"`
	Want      []want         `bson:"want"`
	Drop      []string       `bson:"drop"`
	Until     date           `bson:"until"`
	Goodbye   bool           `bson:"goodbye"`
	Activate  *activateLimit `bson:"activate,omitempty"`
	Restore   *restoreLimit  `bson:"restore,omitempty"`
}

type want struct {
	Entitlement string `bson:"entitlement"`
	Context     string `bson:"context"`
	Slots       int64  `bson:"slots"`
}

type activateLimit struct {
	Limit       int64 `bson:"limit"`
	Window      int64 `bson:"window"`
	MaxMachines int64 `bson:"max_machines"`
}

type restoreLimit struct {
	Budget int64 `bson:"budget"`
	Window int64 `bson:"window"`
}

func planOf(a *licensing.Advance) plan {
	p := plan{Now: dateOf(a.Now), Counted: a.Counted, Allowance: a.Allowance, Drop: a.Drop, Until: dateOf(a.Until), Goodbye: a.Goodbye}
	for _, w := range a.Want {
		p.Want = append(p.Want, want{w.Entitlement, w.Context, w.Slots})
	}
	if a.Activate != nil {
		p.Activate = &activateLimit{a.Activate.Limit, a.Activate.Window, a.Activate.MaxMachines}
	}
	if a.Restore != nil {
		p.Restore = &restoreLimit{a.Restore.Budget, a.Restore.Window}
	}
	return p
}

// calls is by how much the count is raised to what was reported, as far as the allowance reaches.
func (p *plan) calls(counted, used int64) int64 {
	most := int64(lease.MaxCount)
	if p.Allowance != licensing.Unlimited {
		most = p.Allowance
	}
	return min(max(0, p.Counted-counted), max(0, most-used))
}

// seats tells whether seats may be taken.
func (p *plan) seats() bool {
	return !p.Goodbye && slices.ContainsFunc(p.Want, func(w want) bool { return w.Slots != 0 })
}

// restore charges the activation's own budget of re-activations.
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
	return nil
}

func (c *claim) isFor(a *licensing.Advance) bool {
	return c.Request == string(a.Request) && a.To == lease.Position{Generation: c.Generation, Number: c.Number, Link: lease.Hash(c.Link)}
}

// errAgain asks to read the activation again: somebody else has changed it, or is about to.
var errAgain = errors.New("somebody else is at work")

// claim writes ahead what is to be done. The document is made by a first activation.
func (s *Store) claim(ctx context.Context, d *activation, a *licensing.Advance, p plan, charges bool) error {
	now := bson.NewDateTimeFromTime(s.now())
	d.Claim = &claim{Mark: newMark(), Generation: a.To.Generation, Number: a.To.Number, Link: string(a.To.Link), Request: string(a.Request),
		Revision: a.Revision, At: now, Charges: charges, Plan: p}
	d.Open = now
	if d.ID == "" {
		d.ID, d.Rev, d.License, d.Activation = activationID(a.Key), 1, string(a.Key.License), string(a.Key.Activation)
		d.Org, d.Device = string(a.Org), a.Device
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
	for _, id := range placed {
		if err := s.freeSeat(ctx, id, d.Activation, d.Claim.Mark); err != nil {
			return err
		}
	}
	return nil
}

// placedUnder finds the buckets in which seats were placed under the activation's claim. It searches the whole pool: that is only needed
// where a node left a claim behind.
func (s *Store) placedUnder(ctx context.Context, d activation, entitlement string) ([]string, error) {
	found, err := find[bucket](ctx, s.pools, with("pool", poolID(d.License, entitlement), "seats."+d.Activation+".mark", d.Claim.Mark),
		options.Find().SetProjection(with("_id", 1)))
	var ids []string
	for _, b := range found {
		ids = append(ids, b.ID)
	}
	return ids, err
}

// old tells whether a claim has been under way for so long that its node is taken for dead.
func (s *Store) old(at date) bool { return s.now().Sub(at.Time()) >= s.patience }
