package leasing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// The size of a lease is limited, and everything that a program is granted must fit in. So room for the worst case of each request is
// reserved before anything is changed.
const (
	baseSize        = 1400 // maximum size of a lease without reservations and denials; a test checks it
	reservationSize = len(`{"entitlement":"","context":"","until":9007199254740991},`)
	denialSize      = len(`{"entitlement":"","context":"","code":"context_not_allowed"},`)

	// denialRoom is kept free of reservations, so that an installation with many of them is still told why it gets no more: four denials with
	// the longest names.
	denialRoom = 4 * (denialSize + 2*license.MaxName)
)

// buildAdvance returns the advance of a step, with usage, reservations and deadlines, and a function that makes the lease from the outcome
// of the advance. That function has no effects.
func (s *Service) buildAdvance(
	x *syncRequest, at chainStep, held licensing.Activation,
) (licensing.Advance, func(licensing.Outcome) lease.Lease, *refusal) {
	r, l := x.request, &x.license.License
	a := licensing.Advance{
		Key: x.key, Org: l.Organisation, From: at.from, To: at.to, Request: x.hash, Device: r.Device, Revision: l.Revision, Now: x.now,
		Until: x.now + leaseLifetime(x.policy), Goodbye: r.Goodbye, UsageCharge: x.usageCharge(at, held),
		LastReport: licensing.LastReport{Address: x.address, Fingerprint: r.Fingerprint, Statistics: r.Statistics},
	}
	//mutant:stories value _ || at.reactivation != nil: activating anew takes no machine's place
	if at.activates {
		a.NewActivation = &licensing.ActivationLimits{
			Limit: x.policy.ActivationLimit, Window: x.policy.Interval, MaxMachines: x.policy.MaxMachines,
			TransferLimit: x.policy.TransferLimit, TransferWindow: longWindow(x.policy), Elsewhere: len(x.untoleratedChanges(held)) > 0,
		}
	}
	if at.reactivation != nil {
		//mutant:stories element 1 1000: re-activations have a budget
		a.Reactivation = &licensing.ReactivationLimits{Budget: licensing.ReactivationBudget, Window: longWindow(x.policy),
			History: *at.reactivation}
	}
	trackChanges(&a.LastReport, held.LastReport, x.now)
	if r.Statistics == nil {
		a.LastReport.Statistics = held.LastReport.Statistics
	}

	dropped := make(map[string]bool, len(r.Drop))
	for _, slot := range r.Drop {
		dropped[slot.Entitlement] = true
		a.Release = append(a.Release, slot.Entitlement)
	}
	// Slots of a lost record are held again, whatever the records say of other holders: these have left since.
	holds := reservationsIn(held.Lease)
	if at.lostLease != nil && !at.activates {
		holds = at.lostLease.Reservations
		for _, h := range holds {
			//mutant:stories never: seats of a lost record are held again
			if _, granted := x.slotsOf(h.Entitlement); granted && !dropped[h.Entitlement] && h.Until > x.now {
				a.Reserve = append(a.Reserve, licensing.ReservationRequest{Slot: h.Slot, Slots: licensing.Unlimited, Until: max(h.Until, a.Until)})
			}
		}
	}
	room := lease.MaxLease - baseSize
	has := make(map[string]bool, len(holds))
	for _, h := range holds {
		if dropped[h.Entitlement] {
			continue
		}
		if _, ok := x.slotsOf(h.Entitlement); !ok { // the vendor has removed the entitlement
			a.Release = append(a.Release, h.Entitlement)
			continue
		}
		has[h.Entitlement] = h.Until > x.now
		room -= reservationSize + len(h.Entitlement) + len(h.Context)
	}
	var denied []lease.Denial
	for _, want := range r.Want {
		names := len(want.Entitlement) + len(want.Context)
		code := license.Code("")
		slots, ok := x.slotsOf(want.Entitlement)
		switch {
		case !ok:
			code = license.CodeUnknownEntitlement
		case !x.allowsContext(want.Context):
			code = license.CodeContextNotAllowed
		case want.Borrow > 0 && x.policy.MaxBorrow == 0:
			code = license.CodeBorrowNotAllowed
		case x.frozenRefusal() != nil && !has[want.Entitlement]:
			code = license.CodeFrozen
		case room < denialRoom+max(reservationSize, denialSize)+names:
			code = license.CodeLeaseFull
		default:
			room -= max(reservationSize, denialSize) + names
			// This decides on a slot that the installation does not hold yet. Only the store knows whether it holds one: the vendor may have freed
			// it.
			switch {
			case x.frozenRefusal() != nil:
				slots = 0
			case slots != licensing.Unlimited:
				//mutant:tests remove: who asked first has the slot first
				slots = max(0, slots-x.slotsReservedForOthers(want.Entitlement))
			}
			//mutant:tests unwrap min 1: a slot is borrowed as long as the policy allows
			until := max(a.Until, x.now+lease.Time(min(want.Borrow, x.policy.MaxBorrow)))
			a.Reserve = append(a.Reserve, licensing.ReservationRequest{Slot: want.Slot, Slots: slots, Until: until})
			continue
		}
		if room -= denialSize + names; room < 0 {
			return a, nil, newRefusal(license.CodeRequestMalformed, "%d wanted slots do not fit into one answer", len(r.Want))
		}
		denied = append(denied, lease.Denial{Slot: want.Slot, Code: code})
	}
	list := s.keys.StatementRef(&x.license.Product)
	build := func(o licensing.Outcome) lease.Lease { return x.buildLease(o, at, list, denied) }
	a.Lease = func(o licensing.Outcome) (lease.Document, error) {
		l := build(o)
		document := l.Document()
		if len(document) > lease.MaxLease {
			return nil, fmt.Errorf("activation %s: the lease would have %d bytes, at most %d are allowed", l.Activation, len(document),
				lease.MaxLease)
		}
		return document, nil
	}
	return a, build, nil
}

// usageCharge returns the charge of the step.
func (x *syncRequest) usageCharge(at chainStep, held licensing.Activation) licensing.UsageCharge {
	c := licensing.UsageCharge{Counted: x.request.Counted, Allowance: licensing.Unlimited, Block: x.policy.Prepaid,
		EndPrepaid: x.request.Goodbye}
	if x.policy.Type.LimitsCalls() {
		c.Allowance = x.license.License.Allowance
		c.Period, _ = x.policy.PeriodAt(x.license.License.Created, x.now)
	}
	switch {
	case at.lostLease != nil:
		// Usage of a lost record is charged in full, also beyond the allowance: it was within it at its time.
		c.Allowance = licensing.Unlimited
		//mutant:stories value held.Counted: usage of a lost record is taken in full
		c.Counted = max(c.Counted, at.lostLease.Counters.Counted)
		c.Block = max(0, at.lostLease.Counters.Granted-c.Counted)
	case at.reactivation != nil:
		// The server's count stands. What was prepaid to the closed chain is forfeit, and one more block is charged: the old state had a block
		// of its own, which may have been used twice.
		//mutant:stories remove: after a re-activation the server's number stands
		c.Counted = held.Counted
		//mutant:stories remove: a restored state pays for what was prepaid to it
		c.EndPrepaid, c.Extra = x.policy.Prepaid > 0, x.policy.Prepaid
	}
	if x.frozenRefusal() != nil && at.lostLease == nil || x.request.Goodbye {
		c.Block = 0
	}
	return c
}

// buildLease returns the lease for the outcome of the advance; denied are the wanted slots that were denied before it. It has no effects.
func (x *syncRequest) buildLease(o licensing.Outcome, at chainStep, list *lease.StatementRef, denied []lease.Denial) lease.Lease {
	if x.frozenRefusal() != nil { // then the freeze is the only reason of a denial
		o.Denied = slices.Clone(o.Denied)
		for n := range o.Denied {
			o.Denied[n].Code = license.CodeFrozen
		}
	}
	l := lease.Lease{
		Product:      x.request.Product,
		License:      x.key.License,
		Activation:   x.key.Activation,
		Generation:   at.to.Generation,
		Number:       at.to.Number,
		Link:         at.to.Link,
		Request:      x.hash,
		Nonce:        x.request.Nonce,
		Time:         x.leaseTime(),
		Epoch:        x.epoch.Value,
		Verdict:      license.CodeOK,
		Settings:     x.policy.Settings,
		Counters:     lease.Counters{Used: o.Used, Counted: o.Counted},
		Reservations: o.Reservations,
		Denied:       append(denied[:len(denied):len(denied)], o.Denied...),
		List:         list,
	}
	l.NotAfter = l.Time + leaseLifetime(x.policy)
	if x.policy.Prepaid > 0 {
		l.Counters.Granted = o.Charged
	}
	if x.policy.Type.LimitsCalls() {
		l.Counters.Allowance = x.license.License.Allowance
		if x.policy.Period != "" {
			//mutant:tests remove: the allowance that is told is the period's
			l.Counters.Allowance = min(o.UsedBeforePeriod+l.Counters.Allowance, lease.MaxCount)
		}
		// A re-activation does not use the client's count, which therefore says nothing about the allowance.
		//mutant:tests drop 1: a report past the allowance is told so
		if o.Counted < x.request.Counted && at.reactivation == nil || at.lostLease != nil && o.Used > l.Counters.Allowance {
			l.Verdict = license.CodeExhausted
		}
	}
	if x.policy.Type.LimitsTime() {
		l.Expires = x.license.License.Expires
	}
	return l
}

// leaseTime returns the time of the lease: now, but not before the chain's last lease. If the clocks of nodes differ, or one was corrected,
// the program would refuse an earlier one, and would get the same lease for the same request for ever. Only a new epoch takes time back.
func (x *syncRequest) leaseTime() lease.Time {
	last := x.result.before.Lease
	_, after, _ := bytes.Cut(last, []byte(`,"time":`))
	digits, _, _ := bytes.Cut(after, []byte(`,`))
	if then, err := strconv.ParseInt(string(digits), 10, 64); err != nil || lease.Time(then) <= x.now {
		return x.now // the usual case, in which the lease need not be parsed
	}
	if l, err := parseLease(last); err == nil && l.Epoch == x.epoch.Value {
		//mutant:years unwrap max 2: leases do not go back in time
		return max(l.Time, x.now)
	}
	return x.now
}

// leaseLifetime returns how long a lease lets the program go on: until the next sync, the retries after it, which share one more interval,
// and the grace.
func leaseLifetime(p licensing.Policy) lease.Time {
	d := p.Interval + p.Grace
	if p.MaxRetries > 0 {
		d += p.Interval
	}
	return lease.Time(d)
}

// slotsOf returns the number of slots that the license has of an entitlement, and false if it does not grant the entitlement.
func (x *syncRequest) slotsOf(entitlement string) (int64, bool) {
	for _, e := range x.license.License.Entitlements {
		if e.Name == entitlement {
			if e.Slots == 0 {
				return licensing.Unlimited, true
			}
			return int64(e.Slots), true
		}
	}
	return 0, false
}

// allowsContext reports whether the license may be used in the context.
func (x *syncRequest) allowsContext(context string) bool {
	for _, c := range x.license.License.Contexts {
		if c == context {
			return true
		}
	}
	return false
}

// reservationsIn returns the reservations of a stored lease. The vendor may have freed some of them since; that wastes a little room.
func reservationsIn(document lease.Document) []lease.Reservation {
	// Within a text its quotes would be escaped, so this is the member; the rest need not be read.
	_, list, found := bytes.Cut(document, []byte(`,"reservations":`))
	if !found {
		return nil
	}
	var held []lease.Reservation
	if err := json.NewDecoder(bytes.NewReader(list)).Decode(&held); err != nil {
		return nil
	}
	return held
}

// parseLease parses a lease without verifying it: one from the store, or one that is about to be verified. Of a signed text it reads the
// first line.
func parseLease(text []byte) (*lease.Lease, error) {
	document, _, _ := bytes.Cut(text, []byte("\n"))
	var l lease.Lease
	if err := json.Unmarshal(document, &l); err != nil {
		return nil, err
	}
	return &l, nil
}
