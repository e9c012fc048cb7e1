package leasing

import (
	"context"
	"fmt"
	"sync"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// epochCache is what this node knows of the server's epoch, which the store keeps for all nodes.
type epochCache struct {
	first  int64
	mu     sync.Mutex
	known  licensing.Epoch // Value 0: not read yet
	readAt lease.Time
}

// epochAge is how old a node's knowledge of the epoch may be. Another node may have found out that the store was rolled back; for as long it
// did not know, nobody did. What a request may be granted is not known yet, so this is for all.
const epochAge = 1000

// epoch gives the server's epoch. A request that has seen a higher one has it read anew.
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

// storeEpoch takes over what the store said of the epoch; what another request has learnt meanwhile may be newer.
func (s *Service) storeEpoch(read licensing.Epoch, at lease.Time) licensing.Epoch {
	e := &s.epochCache
	e.mu.Lock()
	defer e.mu.Unlock()
	if read.Value >= e.known.Value {
		e.known, e.readAt = read, at
	}
	return e.known
}

// EndFreeze is an administrator's word that no lease from before the last restore is outstanding any more: what was frozen since is
// granted again.
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

// RaiseEpoch begins a new epoch, as every restore must: programs then know which answers are from before it. It is above the old one and
// not below the Unix time, so that it is also above what a server had after an earlier restore that this one has undone.
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

// frozenUntil is the end of the time in which this license grants nothing new, because leases from before a restore may be outstanding
// that the records do not know.
func frozenUntil(e licensing.Epoch, p licensing.Policy) lease.Time {
	if e.Since == 0 {
		return 0
	}
	return e.Since + max(leaseLifetime(p), lease.Time(p.MaxBorrow))
}
