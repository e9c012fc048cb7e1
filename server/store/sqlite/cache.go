package sqlite

import (
	"sync"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// activationCache is where installations and their licenses stand, so that who comes again is not read again. That is right here because this
// process alone writes the data, and one goroutine of it does, which keeps this too:
//
//   - It alone puts anything in. A reader would put in what may be old by then.
//   - Readers see what a COMMIT has stored, and see it before the COMMIT's callers have their answers.
//   - Counters change here and are written once for all changes of a transaction, before its COMMIT.
//   - After a COMMIT that failed, and before a change of these records that is no advance, all is forgotten.
type activationCache struct {
	mu      sync.RWMutex // of known; the rest is the writer's own
	known   map[licensing.ActivationKey]*cachedActivation
	pending map[licensing.ActivationKey]*cachedActivation // of the transaction under way

	meters        map[license.ID]*cachedMeter // with the transaction under way
	unsavedMeters map[license.ID]*cachedMeter
}

// cachedActivation is an activation as it is stored. Nobody may change it.
type cachedActivation struct {
	licensing.Activation
	hasNoSeats bool // it has no reservations; somebody else can take one from it, but only its own advance gives it one
}

// cachedMeter is a license's counters, and what an advance is held to of the license.
type cachedMeter struct {
	org      license.ID
	revision int64
	licensing.Meter
}

// maxCachedActivations is how many installations are, some three kilobytes each.
const maxCachedActivations = 4096

func newActivationCache() *activationCache {
	s := &activationCache{pending: map[licensing.ActivationKey]*cachedActivation{}, unsavedMeters: map[license.ID]*cachedMeter{}}
	s.reset()
	return s
}

// lookup is for readers.
func (s *activationCache) lookup(key licensing.ActivationKey) (*cachedActivation, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, ok := s.known[key]
	return found, ok
}

func (s *activationCache) reset() {
	s.mu.Lock()
	s.known = map[licensing.ActivationKey]*cachedActivation{}
	s.mu.Unlock()
	s.meters = map[license.ID]*cachedMeter{}
	clear(s.pending)
	clear(s.unsavedMeters)
}

// publish makes known what the transaction has stored.
func (s *activationCache) publish() {
	if len(s.pending) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known)+len(s.pending) > maxCachedActivations {
		clear(s.known)
	}
	for key, one := range s.pending {
		s.known[key] = one
	}
	clear(s.pending)
	if len(s.meters) > maxCachedActivations {
		clear(s.meters)
	}
}

// activation is the activation as the change sees it. It fails with ErrNotFound.
func (t *tx) activation(key licensing.ActivationKey) (*cachedActivation, error) {
	s := t.w.cache
	if one, ok := s.pending[key]; ok {
		return one, nil
	}
	if one, ok := s.known[key]; ok {
		return one, nil
	}
	a, err := readActivation(new(int64), t.row(activationByKey, key.License, key.Activation))
	if err != nil {
		return nil, err
	}
	return &cachedActivation{Activation: a}, nil
}

// meter is a license's as the change sees it. It fails with ErrNotFound.
func (t *tx) meter(id license.ID) (*cachedMeter, error) {
	s := t.w.cache
	if one, ok := s.meters[id]; ok {
		return one, nil
	}
	one := new(cachedMeter)
	var err error
	one.Meter, err = readMeter(t.row(`SELECT l.org, l.revision, `+meterColumns+` FROM licenses l JOIN meters m ON m.license = l.id WHERE l.id = ?`, id),
		&one.org, &one.revision)
	if err != nil {
		return nil, err
	}
	s.meters[id] = one
	return one, nil
}

// cacheAdvance says what an advance has made of its activation, which it has stored, and of the license's counters. It is the last that the change
// does.
func (t *tx) cacheAdvance(is *cachedActivation, of *cachedMeter, now licensing.Meter) {
	s := t.w.cache
	s.pending[is.ActivationKey] = is
	if !now.Equal(&of.Meter) {
		of.Meter = now
		s.unsavedMeters[is.License] = of
	}
}

// saveMeters writes the counters that were changed.
func (w *writer) saveMeters() error {
	for id, one := range w.cache.unsavedMeters {
		if err := saveMeter(&tx{w: w, wrote: true}, id, one.Meter); err != nil {
			return err
		}
	}
	clear(w.cache.unsavedMeters)
	return nil
}
