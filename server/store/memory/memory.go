// Package memory keeps everything in maps behind one mutex: the store for the simulated world and for tests. Nothing outlives the
// process. Start with New.
//
// It is also the contract of licensing.Store in its plainest form: what the other stores do with indexes, claims and conditional updates
// is here a few lines that can be read. Nothing in it asks for the time, draws random numbers or starts a goroutine, so the same calls
// always give the same answers.
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

// Store implements licensing.Store. What lies behind the pointers, slices and maps of a record is shared with whoever gave it and whoever
// is given it, and with the store's copies: nobody changes it.
type Store struct {
	mu      sync.Mutex
	lastSeq int64 // the last number of a record or a seat, by which lists are ordered

	organisations map[license.ID]licensing.Organisation
	products      map[license.ID]*numbered[licensing.Product]
	versions      map[license.ID]*numbered[licensing.Version]
	licenses      map[license.ID]*licenseState
	entries       map[entryKey]*numbered[licensing.Entry]

	epoch    licensing.Epoch
	hasEpoch bool // there is an epoch
}

// numbered is a record with its place in lists.
type numbered[T any] struct {
	seq    int64
	record T
}

// licenseState is a license and all that happened to it.
type licenseState struct {
	numbered[licensing.License]
	meter       licensing.Meter
	activations map[lease.Hash]*activation
}

// activation holds its seats itself, in the order of entitlements; one whose deadline has passed is free, though it may still be there.
type activation struct {
	numbered[licensing.Activation]
	seats []seat
}

type seat = numbered[licensing.Reservation]

// New gives an empty store.
func New() *Store {
	return &Store{
		organisations: map[license.ID]licensing.Organisation{},
		products:      map[license.ID]*numbered[licensing.Product]{},
		versions:      map[license.ID]*numbered[licensing.Version]{},
		licenses:      map[license.ID]*licenseState{},
		entries:       map[entryKey]*numbered[licensing.Entry]{},
	}
}

// Copy is the store as it is now, as a backup would keep it: from here on each goes its own way.
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

// nextSeq is the number of a new record or seat.
func (s *Store) nextSeq() int64 {
	s.lastSeq++
	return s.lastSeq
}

// Ready implements licensing.Store.
func (s *Store) Ready(context.Context) error { return nil }

// Close implements licensing.Store.
func (s *Store) Close() error { return nil }
