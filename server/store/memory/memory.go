// Package memory is a store that keeps everything in maps behind one mutex, for the simulated world and for tests. Nothing outlives the
// process. Start with New.
//
// It is also the contract of licensing.Store in its plainest form: what the other stores do with indexes, claims and conditional updates is
// a few readable lines here. It does not read a clock, draw random numbers or start goroutines, so the same calls always return the same
// results.
package memory

import (
	"context"
	"maps"
	"sync"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

var _ licensing.Store = (*Store)(nil)

// Store implements licensing.Store. The pointers, slices and maps inside a record are shared with its callers and with copies of the store:
// nobody may change what they refer to.
type Store struct {
	mu      sync.Mutex
	lastSeq int64 // the number given to the last record or seat; lists are ordered by it

	organisations map[license.ID]licensing.Organisation
	products      map[license.ID]*numbered[licensing.Product]
	versions      map[license.ID]*numbered[licensing.Version]
	licenses      map[license.ID]*licenseState
	entries       map[entryKey]*numbered[licensing.Entry]

	epoch    licensing.Epoch
	hasEpoch bool // whether an epoch was set
}

// numbered is a record with its position in lists.
type numbered[T any] struct {
	seq    int64
	record T
}

// licenseState is a license with its meter and its activations.
type licenseState struct {
	numbered[licensing.License]
	meter       licensing.Meter
	activations map[lease.Hash]*activation
}

// activation is an activation with its seats, ordered by entitlement. A seat whose deadline has passed is free, though it may still be
// listed.
type activation struct {
	numbered[licensing.Activation]
	seats []seat
}

type seat = numbered[licensing.Reservation]

// New returns an empty store.
func New() *Store {
	return &Store{
		organisations: map[license.ID]licensing.Organisation{},
		products:      map[license.ID]*numbered[licensing.Product]{},
		versions:      map[license.ID]*numbered[licensing.Version]{},
		licenses:      map[license.ID]*licenseState{},
		entries:       map[entryKey]*numbered[licensing.Entry]{},
	}
}

// Copy returns an independent copy of the store as it is now, as a backup would keep it.
func (s *Store) Copy() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := New()
	c.lastSeq, c.epoch, c.hasEpoch = s.lastSeq, s.epoch, s.hasEpoch
	maps.Copy(c.organisations, s.organisations)
	for id, p := range s.products {
		c.products[id] = &numbered[licensing.Product]{p.seq, p.record}
	}
	for id, v := range s.versions {
		c.versions[id] = &numbered[licensing.Version]{v.seq, v.record}
	}
	for key, e := range s.entries {
		c.entries[key] = &numbered[licensing.Entry]{e.seq, e.record}
	}
	for id, b := range s.licenses {
		copied := *b
		copied.activations = make(map[lease.Hash]*activation, len(b.activations))
		for hash, a := range b.activations {
			copied.activations[hash] = &activation{a.numbered, append([]seat(nil), a.seats...)}
		}
		c.licenses[id] = &copied
	}
	return c
}

// nextSeq returns the number of a new record or seat.
func (s *Store) nextSeq() int64 {
	s.lastSeq++
	return s.lastSeq
}

// Ready implements licensing.Store.
func (s *Store) Ready(context.Context) error { return nil }

// Close implements licensing.Store.
func (s *Store) Close() error { return nil }
