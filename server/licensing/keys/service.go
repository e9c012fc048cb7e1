// Package keys manages the keys of products: rotation, the claims of root keys, and the signed statements that publish the states of keys
// and the revoked licenses.
//
// Keys and statement are stored in the record of the product. Each change is made from the record as it was read and stored only if that
// has not changed since, so that of two nodes that change keys concurrently neither loses the other's change.
package keys

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Service manages the keys and statements of products. It is safe for concurrent use.
type Service struct {
	store      licensing.Store
	issuer     licensing.Issuer
	env        licensing.Env
	statements statementCache
}

// New returns a service that keeps the keys in the store, sealed by the issuer.
func New(store licensing.Store, issuer licensing.Issuer, env licensing.Env) *Service {
	return &Service{store: store, issuer: issuer, env: env.WithDefaults()}
}

// ProductKeyring returns the product's public certificate, binary OpenPGP; licensing.ErrNotFound if there is no such product.
func (s *Service) ProductKeyring(ctx context.Context, product license.ID) ([]byte, error) {
	return s.store.ProductKeyring(ctx, product)
}

// StatementRef returns number and hash of the product's newest statement, which leases name; nil if there is none.
func (s *Service) StatementRef(p *licensing.Product) *lease.StatementRef { return s.statements.ref(p) }
