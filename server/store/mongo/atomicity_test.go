//go:build mongo

package mongo

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/onelicense/onelicense/server/licensing"
)

// The store relies on these properties of the server, which are tested directly: a conditional update of one document is atomic, and an _id
// is given once. A server that passes the contract without them passes by luck.
func TestServerUpdatesAreAtomic(t *testing.T) {
	s := openStore(t, newDatabase(t))
	ctx := t.Context()
	const limit, workers, rounds = 50, 64, 10
	type counter struct {
		Used int64 `bson:"used"`
		Rev  int64 `bson:"rev"`
	}
	if err := s.insert(ctx, s.settings, newDoc("_id", "limit", "used", int64(0), "rev", int64(0))); err != nil {
		t.Fatal(err)
	}
	var granted, added, moved, made atomic.Int64
	if err := inParallel(workers*rounds, func(n int) error {
		met, err := s.updateOne(ctx, s.settings, byID("limit", "used", newDoc("$lt", int64(limit))), newDoc("$inc", newDoc("used", int64(1))))
		if err != nil {
			return err
		} else if met {
			granted.Add(1)
		}
		if _, err := s.upsert(ctx, s.settings, byID("sum"), newDoc("$inc", newDoc("used", int64(1)))); err != nil {
			return err
		}
		added.Add(1)
		seen, err := findOne[counter](ctx, s.settings, byID("limit"))
		if err != nil {
			return err
		}
		if met, err = s.updateOne(ctx, s.settings, byID("limit", "rev", seen.Rev), newDoc("$set", newDoc("rev", seen.Rev+1))); met {
			moved.Add(1)
		}
		if err := s.insert(ctx, s.names, newDoc("_id", n/workers)); err == nil {
			made.Add(1)
		} else if !errors.Is(err, licensing.ErrExists) {
			return err
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	limited, err := findOne[counter](ctx, s.settings, byID("limit"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := findOne[counter](ctx, s.settings, byID("sum"))
	if err != nil {
		t.Fatal(err)
	}
	if granted.Load() != limit || limited.Used != limit {
		t.Errorf("%d grants of %d, stored %d", granted.Load(), limit, limited.Used)
	}
	if sum.Used != added.Load() {
		t.Errorf("%d increments were acknowledged, stored are %d", added.Load(), sum.Used)
	}
	if limited.Rev != moved.Load() {
		t.Errorf("%d changes of a revision were acknowledged, stored are %d", moved.Load(), limited.Rev)
	}
	if made.Load() != rounds {
		t.Errorf("%d documents were made under %d ids", made.Load(), rounds)
	}
}
