package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// A root key belongs to one product of the whole server: programs pin the root, so a file signed for one of two products with the same root
// would be valid for the other. The fingerprint of the root is therefore claimed for the product before its record is created. A claim that
// a crash has left without its product is taken over by the next claim.

// rootClaimKind is the kind of the entries that claim a root key for a product. They belong to the server, since claims are unique over all
// organisations.
const rootClaimKind = "root"

// rootClaimGrace is the time, in milliseconds, for which a claim without a product is honoured: its product may still be being created.
const rootClaimGrace = 60_000

// ClaimRoot claims the product's root key; a *licensing.Conflict with CodeRootInUse if it belongs to another product.
func (s *Service) ClaimRoot(ctx context.Context, p licensing.Product) error {
	root, err := s.RootFingerprint(p)
	if err != nil {
		return err
	}
	claim := licensing.Entry{Kind: rootClaimKind, ID: root, Revision: 1, Created: s.env.Now(), Body: []byte(p.ID)}
	if err = s.store.CreateEntry(ctx, claim); !errors.Is(err, licensing.ErrExists) {
		return err
	}
	taken := licensing.NewConflict(licensing.CodeRootInUse, "the root %s belongs to another product", root)
	held, err := s.store.Entry(ctx, rootClaimKind, root)
	if errors.Is(err, licensing.ErrNotFound) {
		return taken // it was released just now; a retry succeeds
	} else if err != nil {
		return fmt.Errorf("reading the claim of the root key %s: %w", root, err)
	}
	if license.ID(held.Body) == p.ID { // claimed by an earlier attempt of the same request
		return nil
	}
	if _, err := s.store.ProductWithKeys(ctx, license.ID(held.Body)); !errors.Is(err, licensing.ErrNotFound) ||
		s.env.Now() < held.Created+rootClaimGrace {
		return errors.Join(taken, licensing.IgnoreNotFound(err))
	}
	if err := s.store.DeleteEntry(ctx, rootClaimKind, root, held.Revision); err != nil && !errors.Is(err, licensing.ErrNotFound) {
		return errors.Join(taken, licensing.IgnoreNotFound(err))
	}
	if err := s.store.CreateEntry(ctx, claim); errors.Is(err, licensing.ErrExists) {
		return taken
	} else if err != nil {
		return err
	}
	return nil
}

// ReleaseRoot releases the claim of a product that does not exist or has another root key by now.
func (s *Service) ReleaseRoot(ctx context.Context, p licensing.Product) error {
	root, err := s.RootFingerprint(p)
	if err != nil {
		return err
	}
	held, err := s.store.Entry(ctx, rootClaimKind, root)
	if err != nil || license.ID(held.Body) != p.ID {
		return licensing.IgnoreNotFound(err)
	}
	there, err := s.store.ProductWithKeys(ctx, p.ID)
	if err == nil {
		present, err := s.RootFingerprint(there)
		if err != nil || present == root {
			return err
		}
	} else if !errors.Is(err, licensing.ErrNotFound) {
		return err
	}
	return licensing.IgnoreNotFound(s.store.DeleteEntry(ctx, rootClaimKind, root, held.Revision))
}

// RootFingerprint returns the fingerprint of the product's root key, which programs pin.
func (s *Service) RootFingerprint(p licensing.Product) (string, error) {
	keys, err := s.issuer.Keyring(p.Keyring)
	if err != nil {
		return "", fmt.Errorf("product %s: %w", p.ID, err)
	}
	return keys.Root(), nil
}
