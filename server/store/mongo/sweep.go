package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// How often, and how much at a time, a node looks for what dead nodes have left behind. Nothing is wrong until then: a seat or a count may
// be taken a while longer than need be.
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
			_ = s.sweep(ctx) // what failed is there the next time
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// sweep completes or takes back what has been under way for too long. What cannot be ended stands in nobody's way.
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
