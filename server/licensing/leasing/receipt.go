package leasing

import (
	"context"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Receipt returns the last lease of an installation, signed: what the server has confirmed to the program, in the same document. It can be
// verified with the product's certificate, also after the lease has expired, and names the request that it answers, which the installation
// has signed.
func (s *Service) Receipt(ctx context.Context, org license.ID, key licensing.ActivationKey) ([]byte, error) {
	l, err := s.store.License(ctx, org, key.License)
	if err != nil {
		return nil, err
	}
	held, err := s.store.Activation(ctx, key)
	if err != nil {
		return nil, err
	}
	p, err := s.store.Product(ctx, org, l.Product)
	if err != nil {
		return nil, err
	}
	stored, err := parseLease(held.Lease)
	if err != nil {
		return nil, fmt.Errorf("activation %s: the stored lease: %w", key.Activation, err)
	}
	signer, err := s.issuer.Signer(p.ID, p.SealedKeys)
	if err != nil {
		return nil, fmt.Errorf("product %s: %w", p.ID, err)
	}
	text, err := held.Lease.Sign(signer, stored.Time.Std())
	if err != nil { // no key that was valid then is left
		text, err = held.Lease.Sign(signer, s.env.Clock())
	}
	if err != nil {
		return nil, fmt.Errorf("product %s: signing: %w", p.ID, err)
	}
	return text, nil
}
