package keys

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Service changes the keys of products and signs what products say of their keys and licenses. It is safe for concurrent use.
type Service struct {
	store      licensing.Store
	issuer     licensing.Issuer
	env        licensing.Env
	statements statementCache
}

// New returns a service that keeps keys in the store, sealed by the issuer.
func New(store licensing.Store, issuer licensing.Issuer, env licensing.Env) *Service {
	return &Service{store: store, issuer: issuer, env: env.WithDefaults()}
}

// ProductKeyring returns the product's public certificate, binary OpenPGP; ErrNotFound if there is no such product.
func (s *Service) ProductKeyring(ctx context.Context, product license.ID) ([]byte, error) {
	return s.store.ProductKeyring(ctx, product)
}

// ListRef returns number and hash of the product's newest statement, which a lease names; nil if there is none.
func (s *Service) ListRef(p *licensing.Product) *lease.StatementRef { return s.statements.ref(p) }
