package leasing

import (
	"context"
	"fmt"
	"sync"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// epochCache caches the server's epoch on this node; the store keeps it for all nodes.
type epochCache struct {
	first  int64
	mu     sync.Mutex
	known  licensing.Epoch // Value 0: not read yet
	readAt lease.Time
}

// epochAge is the maximum age of the cached epoch, in milliseconds. Another node may have detected a rollback; until then no node had. The
// limit applies to all requests, since it is not known yet what one may be granted.
const epochAge = 1000

// epoch returns the server's epoch. For a request that has seen a higher one it is read from the store.
func (s *Service) epoch(ctx context.Context, seen int64) (licensing.Epoch, error) {
	e := &s.epochCache
	e.mu.Lock()
	known, now := e.known, s.env.Now()
	//mutant:tests drop 4: every node learns of an epoch
	fresh := known.Value != 0 && seen <= known.Value && e.readAt <= now && now <= e.readAt+epochAge
	e.mu.Unlock()
	if fresh {
		return known, nil
	}
	read, err := s.store.Epoch(ctx, e.first)
	if err != nil {
		return licensing.Epoch{}, fmt.Errorf("reading the epoch: %w", err)
	}
	return s.storeEpoch(read, now), nil
}

// storeEpoch caches an epoch that was read, unless another request has cached a newer one, and returns the cached one.
func (s *Service) storeEpoch(read licensing.Epoch, at lease.Time) licensing.Epoch {
	e := &s.epochCache
	e.mu.Lock()
	defer e.mu.Unlock()
	if read.Value >= e.known.Value {
		e.known, e.readAt = read, at
	}
	return e.known
}

// EndFreeze ends the freeze after a restore. An administrator confirms with it that all leases from before the restore have expired.
func (s *Service) EndFreeze(ctx context.Context) error {
	read, err := s.store.Epoch(ctx, s.epochCache.first)
	if err != nil {
		return err
	}
	if err := s.store.EndFreeze(ctx, read.Value); err != nil {
		return err
	}
	read, err = s.store.Epoch(ctx, s.epochCache.first)
	if err == nil {
		s.storeEpoch(read, s.env.Now())
	}
	return err
}

// RaiseEpoch begins a new epoch, which every restore must do so that programs can tell answers from before it. The new value is above the
// old one and not below the Unix time, and so also above that of a later state which the restore has undone.
func (s *Service) RaiseEpoch(ctx context.Context) (licensing.Epoch, error) {
	now := s.env.Now()
	old, err := s.store.Epoch(ctx, s.epochCache.first)
	if err != nil {
		return licensing.Epoch{}, err
	}
	raised, err := s.store.RaiseEpoch(ctx, max(old.Value, int64(now/1000)-1), now)
	if err != nil {
		return licensing.Epoch{}, err
	}
	return s.storeEpoch(raised, now), nil
}

// frozenUntil returns the end of the freeze for a license: until then leases from before a restore may be outstanding that the records do
// not contain, and nothing new is granted.
func frozenUntil(e licensing.Epoch, p licensing.Policy) lease.Time {
	if e.Since == 0 {
		return 0
	}
	return e.Since + max(leaseLifetime(p), lease.Time(p.MaxBorrow))
}
