package events

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Service keeps the history of licenses and records the events that come with time. It is safe for concurrent use.
type Service struct {
	store licensing.Store
	env   licensing.Env
	sink  Sink
}

// New returns a service over the store. With a nil sink it keeps the history only.
func New(store licensing.Store, sink Sink, env licensing.Env) *Service {
	s := &Service{store: store, env: env.WithDefaults(), sink: sink}
	if sink != nil {
		s.store = eventingStore{store, sink, s.env.Now}
	}
	return s
}

// Store returns the store, which records an event for each change that a vendor makes through it if there is a sink.
func (s *Service) Store() licensing.Store { return s.store }

// DeleteHistory deletes the history of a license that was deleted.
func (s *Service) DeleteHistory(ctx context.Context, org, id license.ID) error {
	return licensing.DeleteEntries(ctx, s.store, historyEntryKind, org, string(id))
}
