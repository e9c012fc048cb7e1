package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// The interval of the sweep, and the number of activations that it handles at a time. Nothing is wrong before the sweep: a seat or a call
// may only count as used longer than necessary.
const (
	sweepEvery  = 30 * time.Second
	maxPerSweep = 100
)

func (s *Store) startSweep() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.done.Go(func() {
		ticker := time.NewTicker(sweepEvery)
		defer ticker.Stop()
		for {
			_ = s.sweep(ctx) // a failure is repeated at the next sweep
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// sweep completes or undoes work that dead nodes have left unfinished. What it cannot end is skipped, so that the rest is not held up.
func (s *Store) sweep(ctx context.Context) error {
	before := bson.NewDateTimeFromTime(s.now().Add(-s.abandonedAfter))
	var errs []error
	for stays, more := 0, true; more; {
		left, err := findAll[activation](ctx, s.activations, newDoc("open", newDoc("$lte", before)),
			options.Find().SetSort(newDoc("open", 1)).SetSkip(int64(stays)).SetLimit(maxPerSweep))
		errs = append(errs, err)
		for _, d := range left {
			err := errRetry
			switch {
			case d.Pending != nil:
				err = s.releasePending(ctx, d)
			case d.Claim != nil:
				err = s.undoClaim(ctx, d)
			}
			if err != nil {
				stays++
				if !errors.Is(err, errRetry) {
					errs = append(errs, err)
				}
			}
		}
		more = len(left) == maxPerSweep && ctx.Err() == nil
	}
	deleted, err := findAll[deletion](ctx, s.deletions, bson.D{}, options.Find().SetLimit(maxPerSweep))
	errs = append(errs, err)
	for _, d := range deleted {
		errs = append(errs, s.deleteRemains(ctx, d))
	}
	_, err = s.completeFirstOwner(ctx)
	return errors.Join(append(errs, err)...)
}
