package mongo

import (
	"context"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// SaveReactivationHistory implements licensing.Chains. A request that is under way is taken back: it was decided on another past.
func (s *Store) SaveReactivationHistory(ctx context.Context, key licensing.ActivationKey, head lease.Position, past licensing.ReactivationHistory, restores bool) error {
	stale := func(d *activation) error {
		if d.head() != head || d.Reactivations.Revision != past.Revision-1 {
			return licensing.ErrStale
		}
		return nil
	}
	return s.updateIdle(ctx, byID(activationID(key)), stale, func(d activation) error {
		set := newDoc("past", past)
		if restores {
			set = append(set, newDoc("restores", int64(0), "restores_from", date(0))...)
		}
		return s.updateActivation(ctx, &d, byID(d.ID, "rev", d.Rev), newDoc("$set", set))
	})
}
