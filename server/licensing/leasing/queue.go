package leasing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// An installation that is denied a slot joins the queue for it; an installation with a hold precedes the queue. Both are enforced by
// reducing the number of slots of a request, before it goes to the store, by those that are reserved for others. So the store enforces the
// limit in one document, and the queue's entry only decides on the order: a race, or an entry that was not written, can disturb no more
// than that. A lost claim keeps a slot free until its holder's next sync records it again.

// queue holds the installations that wait for slots of a license, in the order of their first request, and the claims on its holds.
type queue struct {
	Waiting []queueEntry `json:"waiting,omitempty"`
	Claims  []holdClaim  `json:"claims,omitempty"`
}

// queueEntry is an installation that waits for a slot.
type queueEntry struct {
	Entitlement string     `json:"entitlement"`
	Activation  lease.Hash `json:"activation"`
	Since       lease.Time `json:"since"`
	Asked       lease.Time `json:"asked"` // time of the last request; after the timeout of the queue the entry no longer counts
}

// holdClaim is a slot of a hold that the hold's installation has taken.
type holdClaim struct {
	Hold       license.ID `json:"hold"`
	Activation lease.Hash `json:"activation"`
	Until      lease.Time `json:"until"`
}

// maxQueueLength is the maximum number of entries in the queue of a license. Later requests are denied without joining it.
const maxQueueLength = 1000

const queueKind = "seat_line"

// touchesQueue reports whether the request concerns the queue or a hold. Only then is the queue read.
func (x *syncRequest) touchesQueue() bool {
	r, holds := x.request, x.license.License.Holds
	asks := len(r.Want) > 0 || r.Goodbye
	if asks && x.policy.QueueTimeout > 0 || (asks || len(r.Drop) > 0) && len(holds) > 0 {
		return true
	}
	return slices.ContainsFunc(holds, func(h licensing.Hold) bool { return isHoldFor(&h, x) })
}

// readQueue returns the queue of a license, empty if there is none, and the entry that it is stored in.
func (s *Service) readQueue(ctx context.Context, id license.ID) (queue, licensing.Entry, error) {
	stored, err := s.queues().Get(ctx, string(id))
	if errors.Is(err, licensing.ErrNotFound) {
		return queue{}, licensing.Entry{ID: string(id)}, nil
	} else if err != nil {
		return queue{}, licensing.Entry{}, fmt.Errorf("license %s: reading its queue: %w", id, err)
	}
	return stored.Value, stored.Entry, nil
}

// queues returns the queues of all licenses.
func (s *Service) queues() licensing.Entries[queue] {
	return licensing.EntriesOf[queue](s.store, queueKind)
}

// stillWaiting reports whether an entry of the queue counts: its installation has asked again within the queue's timeout.
func (x *syncRequest) stillWaiting(w queueEntry) bool {
	//mutant:tests always: who does not ask is passed over
	return w.Asked+lease.Time(x.policy.QueueTimeout) > x.now
}

// slotsReservedForOthers returns the number of slots of the entitlement that other installations have precedence for.
func (x *syncRequest) slotsReservedForOthers(entitlement string) (n int64) {
	holder := false
	for _, h := range x.license.License.Holds {
		if h.Entitlement != entitlement || !h.IsActiveAt(x.now) {
			continue
		}
		left := h.Slots
		for _, c := range x.queue.Claims {
			//mutant:tests never: what was taken of a hold is not held any more
			if c.Hold == h.ID && c.Until > x.now && c.Activation != x.key.Activation {
				left--
			}
		}
		//mutant:tests drop 1: a slot that is held ahead is for one
		if isHoldFor(&h, x) && left > 0 {
			holder = true
		} else {
			n += max(0, left)
		}
	}
	//mutant:tests never: who has a slot held goes before the line
	if holder {
		return n
	}
	for _, w := range x.queue.Waiting {
		if w.Entitlement != entitlement || !x.stillWaiting(w) {
			continue
		}
		if w.Activation == x.key.Activation {
			break
		}
		n++
	}
	return n
}

// updateQueue records the outcome of the request in the queue. A failure to write is ignored: it affects only the order.
func (s *Service) updateQueue(ctx context.Context, x *syncRequest, o licensing.Outcome) {
	for range licensing.MaxAttempts {
		next, changed := x.nextQueue(o)
		if !changed {
			return
		}
		err := s.writeQueue(ctx, x.license.License.Organisation, x.queueEntry, next)
		if !errors.Is(err, licensing.ErrStale) {
			return
		}
		if x.queue, x.queueEntry, err = s.readQueue(ctx, x.key.License); err != nil {
			return
		}
	}
}

// writeQueue replaces the queue that was read; licensing.ErrStale if it was changed since.
func (s *Service) writeQueue(ctx context.Context, org license.ID, e licensing.Entry, next queue) error {
	if e.Revision == 0 {
		e.Org, e.Created = org, s.env.Now()
	}
	_, err := s.queues().Put(ctx, licensing.TypedEntry[queue]{Entry: e, Value: next})
	if errors.Is(err, licensing.ErrExists) || errors.Is(err, licensing.ErrNotFound) {
		return licensing.ErrStale
	}
	return err
}

// leaveQueue is called after the vendor has freed a reservation or closed an activation. The claims of the installation are dropped, so
// that its holds are reserved again; if it is closed, it leaves the queue too.
func (s *Service) leaveQueue(ctx context.Context, org license.ID, key licensing.ActivationKey, closed bool) error {
	for range licensing.MaxAttempts {
		l, kept, err := s.readQueue(ctx, key.License)
		if err != nil {
			return err
		}
		before := len(l.Waiting) + len(l.Claims)
		l.Claims = slices.DeleteFunc(l.Claims, func(c holdClaim) bool { return c.Activation == key.Activation })
		l.Waiting = slices.DeleteFunc(l.Waiting, func(w queueEntry) bool { return closed && w.Activation == key.Activation })
		if len(l.Waiting)+len(l.Claims) == before {
			return nil
		}
		if err = s.writeQueue(ctx, org, kept, l); !errors.Is(err, licensing.ErrStale) {
			return err
		}
	}
	return nil // concurrent writes continue, and only the order is affected
}

// nextQueue returns the queue after the request, without timed-out entries, and whether it differs.
func (x *syncRequest) nextQueue(o licensing.Outcome) (next queue, changed bool) {
	mine := x.key.Activation
	denied := map[string]bool{}
	for _, d := range o.Denied {
		denied[d.Entitlement] = x.policy.QueueTimeout > 0
	}
	for _, w := range x.queue.Waiting {
		if !x.stillWaiting(w) {
			continue
		}
		if w.Activation == mine {
			if x.request.Goodbye || holdsSlot(o.Reservations, w.Entitlement) {
				continue
			}
			if denied[w.Entitlement] {
				w.Asked = x.now
				delete(denied, w.Entitlement)
			}
		}
		next.Waiting = append(next.Waiting, w)
	}
	if !x.request.Goodbye {
		for _, d := range o.Denied {
			if denied[d.Entitlement] && len(next.Waiting) < maxQueueLength {
				next.Waiting = append(next.Waiting, queueEntry{d.Entitlement, mine, x.now, x.now})
			}
		}
	}
	for _, c := range x.queue.Claims {
		if c.Activation != mine && c.Until > x.now {
			next.Claims = append(next.Claims, c)
		}
	}
	for _, h := range x.license.License.Holds {
		taken := int64(0)
		for _, c := range next.Claims {
			if c.Hold == h.ID {
				taken++
			}
		}
		if at := slices.IndexFunc(o.Reservations, func(r lease.Reservation) bool { return r.Entitlement == h.Entitlement }); at >= 0 &&
			h.IsActiveAt(x.now) && isHoldFor(&h, x) && taken < h.Slots {
			next.Claims = append(next.Claims, holdClaim{h.ID, mine, o.Reservations[at].Until})
		}
	}
	return next, !slices.Equal(next.Waiting, x.queue.Waiting) || !slices.Equal(next.Claims, x.queue.Claims)
}

func holdsSlot(held []lease.Reservation, entitlement string) bool {
	return slices.ContainsFunc(held, func(r lease.Reservation) bool { return r.Entitlement == entitlement })
}

// Waiting is an entry of a queue as it is shown.
type Waiting struct {
	Entitlement string
	Activation  lease.Hash
	Position    int64 // from 1
	Since       lease.Time
	Until       lease.Time // when it times out, unless it requests the slot again
	Expected    lease.Time // when enough of the held slots expire, if none is renewed or released; 0: not known
}

// Queue lists the installations that wait for slots of a license, by entitlement and in order.
func (s *Service) Queue(ctx context.Context, org, id license.ID) ([]Waiting, error) {
	l, err := s.store.License(ctx, org, id)
	if err != nil {
		return nil, err
	}
	v, err := s.store.Version(ctx, org, l.Version)
	if err != nil {
		return nil, fmt.Errorf("the license's version: %w", err)
	}
	x := &syncRequest{now: s.env.Now(), policy: v.Policy.WithOverrides(l.Overrides)}
	if x.queue, _, err = s.readQueue(ctx, id); err != nil {
		return nil, err
	}
	ends, err := s.slotDeadlines(ctx, org, id, x)
	if err != nil {
		return nil, err
	}
	position, all := map[string]int64{}, []Waiting{}
	for _, w := range x.queue.Waiting {
		if !x.stillWaiting(w) {
			continue
		}
		position[w.Entitlement]++
		next := Waiting{w.Entitlement, w.Activation, position[w.Entitlement], w.Since, w.Asked + lease.Time(x.policy.QueueTimeout), 0}
		if of := ends[w.Entitlement]; next.Position <= int64(len(of)) {
			next.Expected = of[next.Position-1]
		}
		all = append(all, next)
	}
	return all, nil
}

// slotDeadlines returns the deadlines of the reservations of each entitlement, the earliest first; none if nobody waits.
func (s *Service) slotDeadlines(ctx context.Context, org, id license.ID, x *syncRequest) (map[string][]lease.Time, error) {
	ends := map[string][]lease.Time{}
	if len(x.queue.Waiting) == 0 {
		return ends, nil
	}
	page := licensing.Page{Limit: 200}
	for {
		held, err := s.store.Reservations(ctx, org, id, page)
		if err != nil {
			return nil, err
		}
		for _, r := range held.Items {
			if r.Until > x.now {
				ends[r.Entitlement] = append(ends[r.Entitlement], r.Until)
			}
		}
		if page.After = held.Next; page.After == "" {
			break
		}
	}
	for _, of := range ends {
		slices.Sort(of)
	}
	return ends, nil
}
