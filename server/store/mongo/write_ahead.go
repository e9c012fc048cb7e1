package mongo

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// An advance that takes something outside of the activation's own document (calls, a machine's place, seats) has four steps:
//
// 1. Claim: the activation's document states which request is in progress and everything that is to be done for it.
// 2. Take: the meter is charged and seats are taken, each with the claim's token, so that a repetition has no effect.
// 3. Commit: the lease, the new head and what is to be given back are stored, and the claim ends.
// 4. Release: released and lapsed seats, and the place of a machine that said goodbye (pending_releases.go).
//
// Nothing is given back before the commit, so until then everything can be undone. A node that dies in between leaves a claim behind. The
// same request, sent again to any node, completes it from the claim. Any other request for the activation, and the vendor, undoes it: the
// request was never answered, so it has no effect, and if it is sent again it is decided again. Both are also correct while the node that
// was taken for dead is only slow: its commit states the revision and the token, and what it takes is fenced by the token
// (batch_writer.go).

// claim is an advance in progress.
type claim struct {
	Token       string      `bson:"mark"`
	Generation  int64       `bson:"generation"`
	Number      int64       `bson:"number"`
	Link        string      `bson:"link"`
	Request     string      `bson:"request"`
	Revision    int64       `bson:"revision"` // of the license, that the advance was decided on
	At          date        `bson:"at"`       // by the node's clock
	Charges     bool        `bson:"charges"`  // the meter is charged
	MeterBefore meterTotals `bson:",inline"`  // totals of the meter at that time; plans that do not charge it are decided on these
	Undoing     bool        `bson:"undoing"`
	Plan        plan        `bson:"plan"`
}

// plan is everything that an advance does: an Advance without its Lease.
type plan struct {
	Now           date                 `bson:"now"`
	Activation    string               `bson:"who"` // the activation's hash
	Charge        usageCharge          `bson:",inline"`
	Reserve       []reservationRequest `bson:"want"`
	Release       []string             `bson:"drop"`
	Until         date                 `bson:"until"`
	Goodbye       bool                 `bson:"goodbye"`
	LastReport    licensing.LastReport `bson:"seen"`
	NewActivation *activationLimits    `bson:"activate,omitempty"`
	Reactivation  *reactivationLimits  `bson:"restore,omitempty"`
}

type usageCharge struct {
	Counted    int64 `bson:"counted"`
	Allowance  int64 `bson:"allowance"`
	Period     date  `bson:"period"`
	Block      int64 `bson:"block"`
	EndPrepaid bool  `bson:"lapse"`
	Extra      int64 `bson:"extra"`
}

// reservationRequest is all that a request asks for of one entitlement.
type reservationRequest struct {
	Entitlement string `bson:"entitlement"`
	Context     string `bson:"context"`
	Slots       int64  `bson:"slots"`
	Pool        int64  `bson:"pool"` // slots of the license, 0: no limit; decides where a seat goes that needs no free slot
	Until       date   `bson:"until"`
	Reduced     bool   `bson:"narrowed,omitempty"` // the pool may have had more slots before
}

// activationLimits are those of a plan. A plan can be of an older node, for which 0 was no limit of machines and transfers, and be finished
// by a newer one or the other way round: so there 0 stays no limit, and -1 allows none.
type activationLimits struct {
	Limit          int64 `bson:"limit"`
	Window         int64 `bson:"window"`
	MaxMachines    int64 `bson:"max_machines"`
	TransferLimit  int64 `bson:"move_limit"`
	TransferWindow int64 `bson:"move_window"`
	Elsewhere      bool  `bson:"elsewhere,omitempty"`
}

func newActivationLimits(l licensing.ActivationLimits) *activationLimits {
	return &activationLimits{
		Limit: int64(l.Limit), Window: l.Window, MaxMachines: zeroAsUnlimited(int64(l.MaxMachines)),
		TransferLimit: zeroAsUnlimited(int64(l.TransferLimit)), TransferWindow: l.TransferWindow, Elsewhere: l.Elsewhere,
	}
}

func (l activationLimits) record() licensing.ActivationLimits {
	return licensing.ActivationLimits{
		Limit: licensing.Limit(l.Limit), Window: l.Window, MaxMachines: licensing.Limit(zeroAsUnlimited(l.MaxMachines)),
		TransferLimit: licensing.Limit(zeroAsUnlimited(l.TransferLimit)), TransferWindow: l.TransferWindow, Elsewhere: l.Elsewhere,
	}
}

// zeroAsUnlimited exchanges 0 and Unlimited, in either direction.
func zeroAsUnlimited(n int64) int64 {
	switch n {
	case 0:
		return licensing.Unlimited
	case licensing.Unlimited:
		return 0
	}
	return n
}

type reactivationLimits struct {
	Budget  int64                         `bson:"budget"`
	Window  int64                         `bson:"window"`
	History licensing.ReactivationHistory `bson:"past"`
}

func newPlan(a *licensing.Advance, l licenseLimits) plan {
	p := plan{Now: dateOf(a.Now), Activation: string(a.Key.Activation), Charge: newUsageCharge(a.UsageCharge), Release: a.Release,
		Until:   dateOf(a.Until),
		Goodbye: a.Goodbye, LastReport: a.LastReport}
	for _, w := range a.SeatRequests() {
		p.Reserve = append(p.Reserve, reservationRequest{w.Entitlement, w.Context, w.Slots, l.slotsOf(w.Entitlement), dateOf(w.Until),
			l.mayBeOverCapacity(w.Entitlement)})
	}
	if a.NewActivation != nil {
		p.NewActivation = newActivationLimits(*a.NewActivation)
	}
	if a.Reactivation != nil {
		p.Reactivation = &reactivationLimits{a.Reactivation.Budget, a.Reactivation.Window, a.Reactivation.History}
	}
	return p
}

// advance returns the advance that the plan was made from, to apply the domain's rules to it. A request that completes the plan of another
// is the same request at another time: then the plan has what was decided first, and a has the rest.
func (p *plan) advance(a *licensing.Advance) *licensing.Advance {
	planned := *a
	planned.Now, planned.UsageCharge, planned.Release, planned.Until = timeOf(p.Now), p.Charge.record(), p.Release, timeOf(p.Until)
	planned.Goodbye, planned.LastReport = p.Goodbye, p.LastReport
	planned.Reserve, planned.NewActivation, planned.Reactivation = nil, nil, nil
	for _, w := range p.Reserve {
		planned.Reserve = append(planned.Reserve, w.record())
	}
	if p.NewActivation != nil {
		limit := p.NewActivation.record()
		planned.NewActivation = &limit
	}
	if p.Reactivation != nil {
		planned.Reactivation = &licensing.ReactivationLimits{Budget: p.Reactivation.Budget, Window: p.Reactivation.Window,
			History: p.Reactivation.History}
	}
	return &planned
}

func (w reservationRequest) record() licensing.ReservationRequest {
	return licensing.ReservationRequest{Slot: lease.Slot{Entitlement: w.Entitlement, Context: w.Context}, Slots: w.Slots,
		Until: timeOf(w.Until)}
}

func newUsageCharge(c licensing.UsageCharge) usageCharge {
	return usageCharge{c.Counted, c.Allowance, dateOf(c.Period), c.Block, c.EndPrepaid, c.Extra}
}

func (c usageCharge) record() licensing.UsageCharge {
	return licensing.UsageCharge{Counted: c.Counted, Allowance: c.Allowance, Period: timeOf(c.Period), Block: c.Block,
		EndPrepaid: c.EndPrepaid, Extra: c.Extra}
}

// requestIndex returns the index of the reservation request for an entitlement; -1 if there is none.
func (p *plan) requestIndex(entitlement string) int {
	return slices.IndexFunc(p.Reserve, func(w reservationRequest) bool { return w.Entitlement == entitlement })
}

// needsSeats reports whether seats may be taken, or extended beyond a renewal.
func (p *plan) needsSeats() bool { return !p.Goodbye && len(p.Reserve) > 0 }

func (c *claim) matches(a *licensing.Advance) bool {
	return c.Request == string(a.Request) && a.To == lease.Position{Generation: c.Generation, Number: c.Number, Link: lease.Hash(c.Link)}
}

// errRetry asks to read the activation again: another request has changed it, or is about to.
var errRetry = errors.New("the activation is changed by another request; try again")

// writeClaim writes the claim. For a first activation it creates the document.
func (s *Store) writeClaim(ctx context.Context, d *activation, a *licensing.Advance, p plan, said meterTotals, charges bool) error {
	now := bson.NewDateTimeFromTime(s.now())
	d.Claim = &claim{Token: newToken(), Generation: a.To.Generation, Number: a.To.Number, Link: string(a.To.Link), Request: string(a.Request),
		Revision: a.Revision, At: now, Charges: charges, MeterBefore: said, Plan: p}
	d.OpenSince = now
	if d.ID == "" {
		d.ID, d.Rev, d.License, d.Activation = activationID(a.Key), 1, string(a.Key.License), string(a.Key.Activation)
		d.Org, d.Device, d.Folded, d.Birth = string(a.Org), a.Device, string(a.Key.Activation), newToken()
		err := s.insert(ctx, s.activations, d)
		if errors.Is(err, licensing.ErrExists) {
			return errRetry
		}
		return err
	}
	return s.updateActivation(ctx, d, newDoc("_id", d.ID, "rev", d.Rev), newDoc("$set", newDoc("claim", d.Claim, "open", now)))
}

// updateActivation updates an activation that is still as it was read. It returns errRetry when it is not.
func (s *Store) updateActivation(ctx context.Context, d *activation, filter, update bson.D) error {
	met, err := s.updateOne(ctx, s.activations, filter, append(update, bson.E{Key: "$inc", Value: newDoc("rev", int64(1))}))
	if err == nil && !met {
		return errRetry
	}
	d.Rev++
	return err
}

// undoClaim undoes a claim. First the token is closed, so that nothing more is taken under it, then what was taken is given back, then the
// claim ends. Several requests may do so at the same time.
func (s *Store) undoClaim(ctx context.Context, d activation) error {
	c := d.Claim
	mine := func() bson.D { return byID(d.ID, "rev", d.Rev, "claim.mark", c.Token) }
	if !c.Undoing {
		if err := s.updateActivation(ctx, &d, mine(), newDoc("$set", newDoc("claim.undoing", true))); err != nil {
			return err
		}
	}
	if c.Charges {
		err := s.meterWriter.submit(ctx, d.License, pendingWrite[*meter]{apply: func(m *meter) error {
			m.undoCharge(d.Activation,
				c.Token)
			return nil
		}})
		if err != nil && !errors.Is(err, licensing.ErrNotFound) {
			return err
		}
	}
	if c.Plan.needsSeats() {
		for _, w := range c.Plan.Reserve {
			if err := s.releasePlacedSeats(ctx, d, w.Entitlement); err != nil {
				return err
			}
		}
		for _, held := range d.Seats {
			if c.Plan.requestIndex(held.Entitlement) < 0 {
				continue
			}
			if err := s.undoRenewal(ctx, held.Bucket, d.Activation, c.Token); err != nil {
				return err
			}
		}
	}
	if !d.isActivated() {
		met, err := s.deleteOne(ctx, s.activations, mine())
		if err == nil && !met {
			return errRetry
		}
		return err
	}
	return s.updateActivation(ctx, &d, mine(), newDoc("$unset", newDoc("claim", "", "open", "")))
}

// releasePlacedSeats frees the seats of one entitlement that were taken under the activation's claim.
func (s *Store) releasePlacedSeats(ctx context.Context, d activation, entitlement string) error {
	placed, err := s.bucketsOfClaim(ctx, d, entitlement)
	if err != nil {
		return err
	}
	for _, n := range placed {
		if err := s.releaseSeat(ctx, bucketID(poolID(d.License, entitlement), n), d.Activation, d.Claim.Token); err != nil {
			return err
		}
	}
	return nil
}

// bucketsOfClaim returns the buckets with seats that were taken under the activation's claim. It searches the whole pool, which is needed
// only when a node has left a claim behind.
func (s *Store) bucketsOfClaim(ctx context.Context, d activation, entitlement string) ([]int64, error) {
	found, err := findAll[bucket](ctx, s.pools, newDoc("pool", poolID(d.License, entitlement), "seats."+d.Activation+".mark", d.Claim.Token),
		options.Find().SetProjection(newDoc("n", 1)))
	var ns []int64
	for _, b := range found {
		ns = append(ns, b.N)
	}
	return ns, err
}

// isAbandoned reports whether a claim is so old that its node is taken for dead.
func (s *Store) isAbandoned(at date) bool { return s.now().Sub(at.Time()) >= s.abandonedAfter }
