// Package catalogue edits what a vendor sells: organisations, products, versions, licenses and customers, with import and license files.
//
// Create methods take a record with the values that the vendor chose and return it with id, revision 1 and times. Update methods take id,
// organisation, the revision that the edit was made from, and the values that the vendor may change; the rest is preserved. Delete methods
// take the revision that the record must still have, or 0 for any.
package catalogue

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/licensing/keys"
)

// Service edits the catalogue. Its reads are those of the store. It is safe for concurrent use.
type Service struct {
	licensing.Reader
	store         licensing.Store
	issuer        licensing.Issuer
	env           licensing.Env
	keys          *keys.Service
	history       *events.Service
	installations Installations
}

// Installations gives the catalogue access to the activations of licenses.
type Installations interface {
	// Deactivate closes an activation and frees what it held.
	Deactivate(ctx context.Context, org license.ID, key licensing.ActivationKey) error
	// DeleteRecords deletes what is kept beside a license that was deleted.
	DeleteRecords(ctx context.Context, org, id license.ID) error
}

// New returns a service over the store.
func New(store licensing.Store, issuer licensing.Issuer, keys *keys.Service, history *events.Service, installations Installations,
	env licensing.Env) *Service {
	return &Service{Reader: store, store: store, issuer: issuer, env: env.WithDefaults(), keys: keys, history: history,
		installations: installations}
}

// initRecord gives a new record its id, revision 1 and times.
func (s *Service) initRecord(ctx context.Context, m *licensing.Record) (err error) {
	m.ID, err = s.env.NewID(ctx)
	m.Revision, m.Created = 1, s.env.Now()
	m.Updated = m.Created
	return err
}
