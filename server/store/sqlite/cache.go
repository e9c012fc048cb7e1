package sqlite

import (
	"sync"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// activationCache keeps activations and the counters of their licenses, so that a sync of a known installation does not read them again. It
// is correct because only this process writes the data, and only the writer's goroutine in it, and because of these rules:
//
//   - Only the writer adds to the cache. A reader could add a record that is outdated by then.
//   - Readers see what a COMMIT has stored, from before the COMMIT's callers get their replies.
//   - Counters change in the cache and are written once for all changes of a transaction, before its COMMIT.
//   - The cache is emptied after a COMMIT that failed, and before each change of these records that is not an advance.
type activationCache struct {
	mu      sync.RWMutex // guards known; the other fields belong to the writer
	known   map[licensing.ActivationKey]*cachedActivation
	pending map[licensing.ActivationKey]*cachedActivation // changed in the current transaction

	meters        map[license.ID]*cachedMeter // including changes of the current transaction
	unsavedMeters map[license.ID]*cachedMeter
}

// cachedActivation is an activation as it is stored. It must not be changed.
type cachedActivation struct {
	licensing.Activation
	hasNoSeats bool // the activation holds no seats; others can take one from it, but only its own advance can give it one
}

// cachedMeter is a license's counters, with its owner and revision, which each advance is checked against.
type cachedMeter struct {
	org      license.ID
	revision int64
	licensing.Meter
}

// maxCachedActivations is the number of cached activations, about three kilobytes each, at which the cache is emptied.
const maxCachedActivations = 4096

func newActivationCache() *activationCache {
	s := &activationCache{pending: map[licensing.ActivationKey]*cachedActivation{}, unsavedMeters: map[license.ID]*cachedMeter{}}
	s.reset()
	return s
}

// lookup returns a cached activation as of the last COMMIT. It may be called from any goroutine.
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

// publish makes the activations of the committed transaction visible to readers.
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

// activation returns an activation as the transaction sees it, or ErrNotFound.
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

// meter returns a license's counters as the transaction sees them, or ErrNotFound.
func (t *tx) meter(id license.ID) (*cachedMeter, error) {
	s := t.w.cache
	if one, ok := s.meters[id]; ok {
		return one, nil
	}
	one := new(cachedMeter)
	var err error
	one.Meter, err = readMeter(t.row(`SELECT l.org, l.revision, `+meterColumns+` FROM licenses l JOIN meters m ON m.license = l.id WHERE l.id =
		?`, id),
		&one.org, &one.revision)
	if err != nil {
		return nil, err
	}
	s.meters[id] = one
	return one, nil
}

// cacheAdvance caches an activation that an advance has stored, and the license's counters after it. It must be the last step of the
// advance.
func (t *tx) cacheAdvance(is *cachedActivation, of *cachedMeter, now licensing.Meter) {
	s := t.w.cache
	s.pending[is.ActivationKey] = is
	if !now.Equal(&of.Meter) {
		of.Meter = now
		s.unsavedMeters[is.License] = of
	}
}

// saveMeters writes the counters that were changed in the transaction.
func (w *writer) saveMeters() error {
	for id, one := range w.cache.unsavedMeters {
		if err := saveMeter(&tx{w: w, wrote: true}, id, one.Meter); err != nil {
			return err
		}
	}
	clear(w.cache.unsavedMeters)
	return nil
}
