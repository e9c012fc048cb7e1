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

// What a license has at a time: holds, and slots in all of them. Who has taken one is written down in the line's entry, which has a largest size.
const (
	maxHolds     = 64
	maxHeldSlots = 4000
)

// isHoldFor tells whether the one who asks is the one that the hold is for.
func isHoldFor(h *licensing.Hold, x *syncRequest) bool {
	return h.Activation == x.key.Activation || h.Part.Name != "" && slices.Contains(x.request.Fingerprint, h.Part)
}

// NewHold is a hold to be made: for an installation, or for whoever has a part with this value.
type NewHold struct {
	Entitlement string
	Slots       int64 // 0: 1
	Note        string
	Activation  lease.Hash
	Part        licensing.PartValue
	From        lease.Time // 0: now
	Until       lease.Time
}

// CreateHold reserves ahead. It takes nothing from anybody: of the slots that are free from then on, others do not get these.
func (s *Service) CreateHold(ctx context.Context, org, id license.ID, n NewHold) (licensing.Hold, error) {
	h := licensing.Hold{Entitlement: n.Entitlement, Slots: cmp.Or(n.Slots, 1), Note: n.Note, Activation: n.Activation, From: n.From, Until: n.Until}
	now := s.env.Now()
	if h.From == 0 {
		h.From = now
	}
	switch {
	case (n.Activation != "") == (n.Part != licensing.PartValue{}):
		return licensing.Hold{}, licensing.NewInvalid("activation", "or part: one of them says who it is for")
	case n.Activation != "" && !n.Activation.Valid():
		return licensing.Hold{}, licensing.NewInvalid("activation", "is not the id of an installation")
	case h.Until <= max(h.From, now):
		return licensing.Hold{}, licensing.NewInvalid("until", "is %s, not after %s", licensing.FormatTime(h.Until), licensing.FormatTime(max(h.From, now)))
	}
	if err := licensing.FirstError(licensing.CheckRange("slots", h.Slots, 1, license.MaxSlots), licensing.CheckText("note", n.Note, 0, licensing.MaxText)); err != nil {
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
		// The same again, sent twice, has the same id.
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

// checkHoldFits tells whether the license has what is held, all holds of the same time together.
func checkHoldFits(l *licensing.License, h licensing.Hold) error {
	at := slices.IndexFunc(l.Entitlements, func(e license.Entitlement) bool { return e.Name == h.Entitlement })
	if at < 0 || l.Entitlements[at].Slots == 0 {
		return licensing.NewInvalid("entitlement", "is %s, of which the license has no number of slots", h.Entitlement)
	}
	most := int64(0)
	for _, begun := range l.Holds { // where the most are held, one begins
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

// Holds lists what is held ahead, the oldest first; what is over is left out.
func (s *Service) Holds(ctx context.Context, org, id license.ID) ([]licensing.Hold, error) {
	l, err := s.store.License(ctx, org, id)
	now := s.env.Now()
	return slices.DeleteFunc(slices.Clone(l.Holds), func(h licensing.Hold) bool { return h.Until <= now }), err
}

// DeleteHold lets others have what was held.
func (s *Service) DeleteHold(ctx context.Context, org, id, hold license.ID) error {
	return s.updateHolds(ctx, org, id, func(l *licensing.License) error {
		before := len(l.Holds)
		l.Holds = slices.DeleteFunc(l.Holds, func(h licensing.Hold) bool { return h.ID == hold })
		if len(l.Holds) == before {
			return licensing.ErrNotFound
		}
		return nil
	})
}

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
