// Package leasing applies the rules of a sync: it verifies a program's request, finds its position on the chain of its activation, charges
// its usage, reserves its slots, and answers with a signed lease or refusal. It also manages activations, reservations, queues and holds.
package leasing

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/licensing/keys"
)

// Service answers the syncs of programs and manages their activations, reservations and queues. It is safe for concurrent use.
type Service struct {
	store      licensing.Store
	issuer     licensing.Issuer
	env        licensing.Env
	secret     []byte
	sink       events.Sink
	keys       *keys.Service
	history    *events.Service
	epochCache epochCache
}

// Options configure a Service.
type Options struct {
	Epoch  int64       // of a store that has none yet; 0: the Unix time. The store's own epoch wins
	Secret []byte      // authenticates challenges; at least 16 bytes, the same on every node
	Events events.Sink // receives the events of syncs; nil: they are dropped
}

// New returns a service over the store. It panics if the secret has fewer than 16 bytes.
func New(store licensing.Store, issuer licensing.Issuer, keys *keys.Service, history *events.Service, env licensing.Env,
	o Options) *Service {
	if len(o.Secret) < 16 {
		panic("leasing: the secret for challenges has fewer than 16 bytes")
	}
	s := &Service{store: store, issuer: issuer, env: env.WithDefaults(), secret: o.Secret, sink: o.Events, keys: keys, history: history}
	s.epochCache.first = o.Epoch
	if s.epochCache.first == 0 {
		s.epochCache.first = s.env.Clock().Unix()
	}
	return s
}

// DeleteRecords deletes what is kept beside a license that was deleted: its queue and its closed periods.
func (s *Service) DeleteRecords(ctx context.Context, org, id license.ID) error {
	err := s.store.DeleteEntry(ctx, queueKind, string(id), 0)
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return errors.Join(err, licensing.DeleteEntries(ctx, s.store, periodKind, org, string(id)))
}
