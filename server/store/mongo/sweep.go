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

// sweep completes or takes back what has been under way for too long.
func (s *Store) sweep(ctx context.Context) error {
	before := bson.NewDateTimeFromTime(s.now().Add(-s.patience))
	left, err := find[activation](ctx, s.activations, with("open", with("$lte", before)), options.Find().SetLimit(sweepAtOnce))
	errs := []error{err}
	for _, d := range left {
		switch {
		case d.Owed != nil:
			errs = append(errs, s.settle(ctx, d))
		case d.Claim != nil:
			if err := s.undo(ctx, d); !errors.Is(err, errAgain) {
				errs = append(errs, err)
			}
		}
	}
	deleted, err := find[deletion](ctx, s.deletions, bson.D{}, options.Find().SetLimit(sweepAtOnce))
	errs = append(errs, err)
	for _, d := range deleted {
		errs = append(errs, s.tidyDeleted(ctx, d))
	}
	_, err = s.found(ctx)
	return errors.Join(append(errs, err)...)
}
