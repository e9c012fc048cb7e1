package mongo

import (
	"context"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Remember implements licensing.Chains. A request that is under way is taken back: it was decided on another past.
func (s *Store) Remember(ctx context.Context, key licensing.ActivationKey, head lease.Position, past licensing.Past, restores bool) error {
	stale := func(d *activation) error {
		if d.head() != head || d.Past.Turn != past.Turn-1 {
			return licensing.ErrStale
		}
		return nil
	}
	return s.atRest(ctx, byID(activationID(key)), stale, func(d activation) error {
		set := with("past", past)
		if restores {
			set = append(set, with("restores", int64(0), "restores_from", date(0))...)
		}
		return s.move(ctx, &d, byID(d.ID, "rev", d.Rev), with("$set", set))
	})
}
