package mongo

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// maxAttempts is the number of times that an advance reads the activation again while another request works on it: about a second, after
// which the domain decides again.
const maxAttempts = 30

// Advance implements licensing.SyncStore; write_ahead.go describes how.
//
// The license's revision is read before the claim is written. When a license is suspended in between, leases can be issued at most to the
// requests that were in progress at that moment; every request after the suspension was acknowledged is refused.
func (s *Store) Advance(ctx context.Context, a licensing.Advance) (licensing.AdvanceResult, error) {
	end, err := s.activationLocks.lock(ctx, activationID(a.Key))
	if err != nil {
		return licensing.AdvanceResult{}, err
	}
	defer end()
	for attempt := range maxAttempts {
		result, err := s.advance(ctx, &a)
		if !errors.Is(err, errRetry) {
			return result, err
		}
		if err := backOff(ctx, attempt); err != nil {
			return licensing.AdvanceResult{}, err
		}
	}
	return licensing.AdvanceResult{}, licensing.ErrStale
}

func (s *Store) advance(ctx context.Context, a *licensing.Advance) (licensing.AdvanceResult, error) {
	d, m, l, err := s.load(ctx, a)
	if err != nil {
		return licensing.AdvanceResult{}, err
	}
	// Work that has begun is finished, also when the caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTimeout)
	defer cancel()
	if d.Pending != nil {
		return licensing.AdvanceResult{}, errors.Join(s.releasePending(ctx, d), errRetry)
	}
	stored := d.record()
	if a.IsAnsweredBy(&stored) {
		return licensing.AdvanceResult{Document: d.Lease, Replayed: true}, nil
	}
	// The history in a claim follows the stored one as long as the claim stands: a request that saves another history undoes the claim
	// first. So an advance that was decided on another history neither completes a claim nor undoes it.
	if err := a.CheckHistory(&stored); err != nil {
		return licensing.AdvanceResult{}, err
	}
	if c := d.Claim; c != nil {
		switch {
		case c.matches(a) && !c.Undoing && c.Revision == a.Revision:
			return s.execute(ctx, d, a, &c.Plan, m, true)
		case c.matches(a), c.Undoing, s.isAbandoned(c.At):
			return licensing.AdvanceResult{}, orRetry(s.undoClaim(ctx, d))
		}
		return licensing.AdvanceResult{}, errRetry
	}
	if err := a.CheckPreconditions(l.Revision, &stored); err != nil {
		return licensing.AdvanceResult{}, err
	}
	p := newPlan(a, l)
	charges, err := s.dryRun(d, m, a, &p)
	if limit := (*licensing.LimitError)(nil); errors.As(err, &limit) {
		return licensing.AdvanceResult{}, s.recheck(ctx, d, a, err)
	} else if err != nil {
		return licensing.AdvanceResult{}, err
	}
	if charges || p.needsSeats() {
		if err := s.writeClaim(ctx, &d, a, p, m.totals(), charges); err != nil {
			return licensing.AdvanceResult{}, err
		}
	}
	return s.execute(ctx, d, a, &p, m, false)
}

// orRetry returns err, or errRetry if it is nil.
func orRetry(err error) error {
	if err == nil {
		return errRetry
	}
	return err
}

// recheck returns the refusal, or errRetry if the activation has changed since it was read: the limit may have been used up by this same
// request on another node.
func (s *Store) recheck(ctx context.Context, d activation, a *licensing.Advance, refusal error) error {
	present, err := findOne[activation](ctx, s.activations, newDoc("_id", activationID(a.Key)), project("rev"))
	if err != nil && !errors.Is(err, licensing.ErrNotFound) {
		return err
	}
	if present.Rev != d.Rev {
		return errRetry
	}
	return refusal
}

// licenseLimits are the members of a license that an advance needs.
type licenseLimits struct {
	Revision     int64             `bson:"revision"`
	Entitlements []entitlement     `bson:"entitlements"`
	Reduced      []string          `bson:"narrowed"`
	Holds        []holdEntitlement `bson:"holds"`
}

// holdEntitlement is the entitlement of a hold.
type holdEntitlement struct {
	Entitlement string `bson:"entitlement"`
}

// slotsOf returns the number of slots of an entitlement; 0 is no limit.
func (l licenseLimits) slotsOf(entitlement string) int64 {
	for _, e := range l.Entitlements {
		if e.Name == entitlement {
			return e.Slots
		}
	}
	return 0
}

// load reads everything that an advance is decided on.
func (s *Store) load(ctx context.Context, a *licensing.Advance) (d activation, m *meter, l licenseLimits, err error) {
	id := string(a.Key.License)
	members := []string{"revision"}
	if len(a.Reserve) > 0 {
		members = append(members, "narrowed", "holds.entitlement")
	}
	if slices.ContainsFunc(a.Reserve, func(w licensing.ReservationRequest) bool { return w.Slots < 0 }) {
		members = append(members, "entitlements")
	}
	var raw bson.Raw
	err = parallel(
		func() (err error) {
			d, err = findOne[activation](ctx, s.activations, newDoc("_id", activationID(a.Key)))
			if errors.Is(err, licensing.ErrNotFound) {
				return nil
			}
			return err
		},
		func() (err error) {
			l, err = findOne[licenseLimits](ctx, s.licenses, newDoc("_id", id, "org", string(a.Org)), project(members...))
			return err
		},
		func() (err error) { raw, err = findOne[bson.Raw](ctx, s.meters, newDoc("_id", id)); return err },
	)
	if err == nil {
		m, err = decodeMeter(raw)
	}
	return d, m, l, err
}

// dryRun decides the advance on what was read, without changing anything: most refusals end here. It reports whether the meter has to be
// charged.
func (s *Store) dryRun(d activation, m *meter, a *licensing.Advance, p *plan) (charges bool, err error) {
	trial := m.record()
	_, totals, err := p.advance(a).Apply(d.record(), &trial)
	if err != nil {
		return false, err
	}
	out := totals.Outcome()
	for _, w := range p.Reserve {
		out.Reservations = append(out.Reservations, lease.Reservation{Slot: lease.Slot{Entitlement: w.Entitlement, Context: w.Context},
			Until: timeOf(w.Until)})
	}
	_, err = a.Lease(out)
	return totals.Used != m.Used || p.NewActivation != nil, err
}

// execute does what the plan says, under the activation's claim if there is one. again is set when another request may have started to
// execute the same plan.
func (s *Store) execute(ctx context.Context, d activation, a *licensing.Advance, p *plan, m *meter,
	again bool) (licensing.AdvanceResult, error) {
	planned, stored := p.advance(a), d.record()
	// A plan that does not charge the meter must charge nothing now either, though calls may have been given back since.
	before := m.totals()
	if d.Claim != nil {
		before = d.Claim.MeterBefore
	}
	totals := before.charge(planned, &stored)
	if c := d.Claim; c != nil && c.Charges {
		err := s.meterWriter.submit(ctx, d.License, pendingWrite[*meter]{
			token: claimToken{d.ID, c.Token}, preloaded: m, hasPreloaded: !again && len(m.Traces) < maxUnprunedTraces,
			apply: func(m *meter) (err error) {
				totals, err = m.charge(c.Token, planned, &stored)
				return err
			},
		})
		if limit := (*licensing.LimitError)(nil); errors.As(err, &limit) || errors.Is(err, licensing.ErrNotFound) {
			return licensing.AdvanceResult{}, errors.Join(s.undoClaim(ctx, d), err)
		} else if errors.Is(err, errTokenClosed) {
			return licensing.AdvanceResult{}, errRetry
		} else if err != nil {
			return licensing.AdvanceResult{}, err
		}
	}
	got, err := s.updateSeats(ctx, d, p, planned, again)
	if errors.Is(err, errTokenClosed) {
		return licensing.AdvanceResult{}, errors.Join(s.releaseStraySeats(ctx, d, got), errRetry)
	} else if err != nil {
		return licensing.AdvanceResult{}, err
	}
	out := totals.Outcome()
	got.addTo(&out, a)
	document, err := a.Lease(out)
	if err != nil {
		if d.Claim != nil {
			err = errors.Join(err, s.undoClaim(ctx, d))
		}
		return licensing.AdvanceResult{}, err
	}
	record, err := planned.NextActivation(stored, totals)
	if err != nil {
		return licensing.AdvanceResult{}, err
	}
	record.Lease = document
	next, err := s.commit(ctx, d, record, got, p.Goodbye)
	if errors.Is(err, errRetry) {
		return licensing.AdvanceResult{}, errors.Join(s.releaseStraySeats(ctx, d, got), errRetry)
	} else if err != nil {
		return licensing.AdvanceResult{}, err
	}
	if next.Pending != nil {
		// The lease is stored already. If this fails, the next request of the activation does it, or the sweep.
		_ = s.releasePending(ctx, next)
	}
	return licensing.AdvanceResult{Document: document, Outcome: out}, nil
}

// commit stores the activation with its new lease and ends the claim.
func (s *Store) commit(ctx context.Context, d activation, record licensing.Activation, got seatResult, isGoodbye bool) (activation, error) {
	next := d
	next.setRecord(record)
	next.Seats = slices.Concat(got.kept, got.taken)
	set := newDoc("generation", next.Generation, "number", next.Number, "link", next.Link, "request", next.Request, "lease", next.Lease,
		"last_sync", next.LastSync, "counted", next.Counted, "granted", next.Charged, "device", next.Device, "created", next.Created,
		"closed", next.Closed, "restores", next.ReactivationCount, "restores_from", next.ReactivationWindowStart,
		"past", next.Reactivations, "seen", next.LastReport,
		"held", next.Seats)
	unset := bson.D{}
	filter := byID(d.ID, "rev", d.Rev)
	if d.Claim != nil {
		filter = append(filter, bson.E{Key: "claim.mark", Value: d.Claim.Token})
		unset = newDoc("claim", "")
	}
	if next.Claim = nil; len(got.released)+len(got.swaps) > 0 || isGoodbye {
		next.Pending = &pendingRelease{Token: newToken(), Release: got.released, Swap: got.swaps, Leave: isGoodbye}
		next.OpenSince = bson.NewDateTimeFromTime(s.now())
		set = append(set, bson.E{Key: "owed", Value: next.Pending}, bson.E{Key: "open", Value: next.OpenSince})
	} else if d.Claim != nil {
		unset = append(unset, bson.E{Key: "open", Value: ""})
	}
	update := bson.D{{Key: "$set", Value: set}}
	if len(unset) > 0 {
		update = append(update, bson.E{Key: "$unset", Value: unset})
	}
	return next, s.updateActivation(ctx, &next, filter, update)
}
