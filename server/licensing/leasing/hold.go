package leasing

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// The maximum number of holds of a license, and of the slots in them. The claims on holds are stored in the entry of the queue, whose size
// is limited.
const (
	maxHolds     = 64
	maxHeldSlots = 4000
)

// isHoldFor reports whether the hold is for the installation that sent the request.
func isHoldFor(h *licensing.Hold, x *syncRequest) bool {
	return h.Activation == x.key.Activation || h.Part.Name != "" && slices.Contains(x.request.Fingerprint, h.Part)
}

// NewHold describes a hold to create: for an installation, or for all machines that have a part with this value.
type NewHold struct {
	Entitlement string
	Slots       int64 // 0: 1
	Note        string
	Activation  lease.Hash
	Part        licensing.PartValue
	From        lease.Time // 0: now
	Until       lease.Time
}

// CreateHold reserves slots in advance. It frees no reservation: slots that become free from then on are kept for the hold.
func (s *Service) CreateHold(ctx context.Context, org, id license.ID, n NewHold) (licensing.Hold, error) {
	h := licensing.Hold{Entitlement: n.Entitlement, Slots: cmp.Or(n.Slots, 1), Note: n.Note, Activation: n.Activation, From: n.From,
		Until: n.Until}
	now := s.env.Now()
	if h.From == 0 {
		h.From = now
	}
	switch {
	case (n.Activation != "") == (n.Part != licensing.PartValue{}):
		return licensing.Hold{}, licensing.NewInvalid("activation", "or part must be given, and not both")
	case n.Activation != "" && !n.Activation.Valid():
		return licensing.Hold{}, licensing.NewInvalid("activation", "is not a valid id of an activation")
	case h.Until <= max(h.From, now):
		return licensing.Hold{}, licensing.NewInvalid("until", "is %s, not after %s", licensing.FormatTime(h.Until),
			licensing.FormatTime(max(h.From, now)))
	}
	if err := licensing.FirstError(
		licensing.CheckRange("slots", h.Slots, 1, license.MaxSlots),
		licensing.CheckText("note", n.Note, 0, licensing.MaxText),
	); err != nil {
		return licensing.Hold{}, err
	}
	if n.Part != (licensing.PartValue{}) {
		parts, err := licensing.FingerprintParts(id, []licensing.PartValue{n.Part})
		if err != nil {
			return licensing.Hold{}, err
		}
		h.Part = parts[0]
	}
	var err error
	if h.ID, err = s.env.NewID(ctx); err != nil {
		return licensing.Hold{}, err
	}
	return h, s.updateHolds(ctx, org, id, func(l *licensing.License) error {
		// A repeated request has the same id.
		l.Holds = slices.DeleteFunc(l.Holds, func(old licensing.Hold) bool { return old.Until <= now || old.ID == h.ID })
		l.Holds = append(l.Holds, h)
		if len(l.Holds) > maxHolds {
			return licensing.NewInvalid("holds", "are %d already, at most %d are allowed", maxHolds, maxHolds)
		}
		sum := int64(0)
		for _, o := range l.Holds {
			sum += o.Slots
		}
		if sum > maxHeldSlots {
			return licensing.NewInvalid("slots", "would make %d of all holds, at most %d are allowed", sum, maxHeldSlots)
		}
		return checkHoldFits(l, h)
	})
}

// checkHoldFits returns an *licensing.Invalid if the license does not have the slots of the hold, together with those of other holds at the
// same time.
func checkHoldFits(l *licensing.License, h licensing.Hold) error {
	at := slices.IndexFunc(l.Entitlements, func(e license.Entitlement) bool { return e.Name == h.Entitlement })
	if at < 0 || l.Entitlements[at].Slots == 0 {
		return licensing.NewInvalid("entitlement", "is %s, of which the license has no number of slots", h.Entitlement)
	}
	most := int64(0)
	for _, begun := range l.Holds { // the maximum is reached where a hold begins
		from, sum := max(begun.From, h.From), int64(0)
		for _, o := range l.Holds {
			if o.Entitlement == h.Entitlement && o.IsActiveAt(from) && from < h.Until {
				sum += o.Slots
			}
		}
		most = max(most, sum)
	}
	//mutant:tests never: holds fit into the slots
	if has := int64(l.Entitlements[at].Slots); most > has {
		return licensing.NewInvalid("slots", "would make %d that are held at a time, the license has %d", most, has)
	}
	return nil
}

// Holds lists the holds that are not over, the oldest first.
func (s *Service) Holds(ctx context.Context, org, id license.ID) ([]licensing.Hold, error) {
	l, err := s.store.License(ctx, org, id)
	now := s.env.Now()
	return slices.DeleteFunc(slices.Clone(l.Holds), func(h licensing.Hold) bool { return h.Until <= now }), err
}

// DeleteHold deletes a hold; licensing.ErrNotFound if there is none.
func (s *Service) DeleteHold(ctx context.Context, org, id, hold license.ID) error {
	return s.updateHolds(ctx, org, id, func(l *licensing.License) error {
		before := len(l.Holds)
		l.Holds = slices.DeleteFunc(l.Holds, func(h licensing.Hold) bool { return h.ID == hold })
		if len(l.Holds) == before {
			return licensing.NotFound("hold", string(hold))
		}
		return nil
	})
}

// updateHolds applies a change to the holds of a license, repeating it when another change came first.
func (s *Service) updateHolds(ctx context.Context, org, id license.ID, change func(*licensing.License) error) error {
	for range licensing.MaxAttempts {
		l, err := s.store.License(ctx, org, id)
		if err != nil {
			return err
		}
		l.Holds, l.Updated = slices.Clone(l.Holds), s.env.Now()
		if err := change(&l); err != nil {
			return err
		}
		if _, err = s.store.UpdateLicense(ctx, l); !errors.Is(err, licensing.ErrStale) {
			return err
		}
	}
	return licensing.ErrStale
}
