package mongo

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

const epochID = "epoch"

// Epoch implements licensing.SyncStore.
func (s *Store) Epoch(ctx context.Context, first int64) (licensing.Epoch, error) {
	return s.epoch(ctx, first, 0)
}

// epoch returns the stored epoch, and creates it if there is none. It is read first, since it is read often and created once.
func (s *Store) epoch(ctx context.Context, first int64, since lease.Time) (licensing.Epoch, error) {
	if e, err := s.readEpoch(ctx); !errors.Is(err, licensing.ErrNotFound) {
		return e, err
	}
	if _, err := s.upsert(ctx, s.settings, byID(epochID), newDoc("$setOnInsert", newDoc("value", first, "since", dateOf(since)))); err != nil {
		return licensing.Epoch{}, err
	}
	return s.readEpoch(ctx)
}

func (s *Store) readEpoch(ctx context.Context) (licensing.Epoch, error) {
	d, err := findOne[struct {
		Value int64 `bson:"value"`
		Since date  `bson:"since"`
	}](ctx, s.settings, newDoc("_id", epochID))
	return licensing.Epoch{Value: d.Value, Since: timeOf(d.Since)}, err
}

// RaiseEpoch implements licensing.SyncStore.
func (s *Store) RaiseEpoch(ctx context.Context, above int64, now lease.Time) (licensing.Epoch, error) {
	for {
		_, err := s.updateOne(ctx, s.settings, byID(epochID, "value", newDoc("$lte", above)),
			newDoc("$set", newDoc("value", above+1, "since", dateOf(now))))
		if err != nil {
			return licensing.Epoch{}, err
		}
		// The epoch is too low only if another node has created the first one in between.
		if e, err := s.epoch(ctx, above+1, now); err != nil || e.Value > above {
			return e, err
		}
	}
}

// EndFreeze implements licensing.SyncStore.
func (s *Store) EndFreeze(ctx context.Context, value int64) error {
	_, err := s.updateOne(ctx, s.settings, byID(epochID, "value", value), newDoc("$set", newDoc("since", date(0))))
	return err
}
