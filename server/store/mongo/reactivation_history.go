package mongo

import (
	"context"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// SaveReactivationHistory implements licensing.SyncStore. A request in progress is undone: it was decided on another history.
func (s *Store) SaveReactivationHistory(ctx context.Context, key licensing.ActivationKey, head lease.Position,
	history licensing.ReactivationHistory, resetBudget bool) error {
	check := func(d *activation) error {
		record := d.record()
		return record.ReplaceHistory(head, history, resetBudget)
	}
	return s.updateIdle(ctx, byID(activationID(key)), check, func(d activation) error {
		record := d.record()
		if err := record.ReplaceHistory(head, history, resetBudget); err != nil {
			return err
		}
		set := newDoc("past", history, "restores", record.ReactivationCount, "restores_from", dateOf(record.ReactivationWindowStart))
		return s.updateActivation(ctx, &d, byID(d.ID, "rev", d.Rev), newDoc("$set", set))
	})
}
