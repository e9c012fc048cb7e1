// Package events defines the events of the domain, records those of vendors' changes and of approaching expiry, and keeps the history of
// licenses.
package events

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Service keeps the history of licenses and records the events of vendors' changes and of expiry. It is safe for concurrent use.
type Service struct {
	store licensing.Store
	env   licensing.Env
	sink  Sink
}

// New returns a service over the store. With a nil sink it only keeps the history.
func New(store licensing.Store, sink Sink, env licensing.Env) *Service {
	s := &Service{store: store, env: env.WithDefaults(), sink: sink}
	if sink != nil {
		s.store = eventingStore{store, sink, s.env.Now}
	}
	return s
}

// Store returns the store through which vendors' changes are to be made: if there is a sink, it records an event for each.
func (s *Service) Store() licensing.Store { return s.store }

// DeleteHistory deletes the history of a license that was deleted.
func (s *Service) DeleteHistory(ctx context.Context, org, id license.ID) error {
	return licensing.DeleteEntries(ctx, s.store, historyEntryKind, org, string(id))
}
