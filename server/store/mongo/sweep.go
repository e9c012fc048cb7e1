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
	sweepAtOnce = 100
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
	before := bson.NewDateTimeFromTime(s.now().Add(-s.patience))
	var errs []error
	for stays, more := 0, true; more; {
		left, err := find[activation](ctx, s.activations, with("open", with("$lte", before)),
			options.Find().SetSort(with("open", 1)).SetSkip(int64(stays)).SetLimit(sweepAtOnce))
		errs = append(errs, err)
		for _, d := range left {
			err := errAgain
			switch {
			case d.Owed != nil:
				err = s.settle(ctx, d)
			case d.Claim != nil:
				err = s.undo(ctx, d)
			}
			if err != nil {
				stays++
				if !errors.Is(err, errAgain) {
					errs = append(errs, err)
				}
			}
		}
		more = len(left) == sweepAtOnce && ctx.Err() == nil
	}
	deleted, err := find[deletion](ctx, s.deletions, bson.D{}, options.Find().SetLimit(sweepAtOnce))
	errs = append(errs, err)
	for _, d := range deleted {
		errs = append(errs, s.tidyDeleted(ctx, d))
	}
	_, err = s.found(ctx)
	return errors.Join(append(errs, err)...)
}
