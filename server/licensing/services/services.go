// Package services joins the services of the licensing domain: the catalogue, leasing, keys and events over one store.
package services

import (
	"io"
	"time"

	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/catalogue"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/licensing/keys"
	"github.com/onelicense/onelicense/server/licensing/leasing"
)

// Options configure the services.
type Options struct {
	Clock  func() time.Time // nil: time.Now
	Random io.Reader        // nil: crypto/rand
	Epoch  int64            // of a store that has none yet; 0: the Unix time. The store's own epoch wins
	Secret []byte           // authenticates challenges; at least 16 bytes, the same on every node
	Events events.Sink      // receives the events; nil: they are dropped
}

// Services are the services of the domain over one store.
type Services struct {
	Catalogue *catalogue.Service
	Leasing   *leasing.Service
	Keys      *keys.Service
	Events    *events.Service
}

// New joins the services with a store and an issuer. It panics if the secret has fewer than 16 bytes.
func New(store licensing.Store, issuer licensing.Issuer, o Options) *Services {
	env := licensing.Env{Clock: o.Clock, Random: o.Random}
	s := &Services{Events: events.New(licensing.WithRecordErrors(store), o.Events, env)}
	store = s.Events.Store() // names records in errors, and records events
	s.Keys = keys.New(store, issuer, env)
	s.Leasing = leasing.New(store, issuer, s.Keys, s.Events, env, leasing.Options{Epoch: o.Epoch, Secret: o.Secret, Events: o.Events})
	s.Catalogue = catalogue.New(store, issuer, s.Keys, s.Events, s.Leasing, env)
	return s
}
