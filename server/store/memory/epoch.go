package memory

import (
	"context"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Epoch implements licensing.SyncStore.
func (s *Store) Epoch(_ context.Context, first int64) (licensing.Epoch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasEpoch {
		s.epoch, s.hasEpoch = licensing.Epoch{Value: first}, true
	}
	return s.epoch, nil
}

// RaiseEpoch implements licensing.SyncStore.
func (s *Store) RaiseEpoch(_ context.Context, above int64, now lease.Time) (licensing.Epoch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasEpoch || s.epoch.Value <= above {
		s.epoch, s.hasEpoch = licensing.Epoch{Value: above + 1, Since: now}, true
	}
	return s.epoch, nil
}

// EndFreeze implements licensing.SyncStore.
func (s *Store) EndFreeze(_ context.Context, value int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch.Value == value {
		s.epoch.Since = 0
	}
	return nil
}
