package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// A certificate belongs to one product of the whole server: what programs pin is the root, so a file signed for one of two products under
// one root would be good for the other. The root's fingerprint is therefore claimed for the product before the record is made. A claim
// that a crash has left without its product is taken over by whoever comes next.

// rootClaimKind of the claims. They are the server's own, for they are held against every organisation.
const rootClaimKind = "root"

// rootClaimGrace is how long a claim may be without its product: for so long it may be on its way.
const rootClaimGrace = 60_000

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
		return taken // it was let go this moment: the next try finds it free
	} else if err != nil {
		return fmt.Errorf("reading who has the root %s: %w", root, err)
	}
	if license.ID(held.Body) == p.ID { // by an earlier attempt of the same call
		return nil
	}
	if _, err := s.store.ProductWithKeys(ctx, license.ID(held.Body)); !errors.Is(err, licensing.ErrNotFound) || s.env.Now() < held.Created+rootClaimGrace {
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

// releaseRoot lets the claim of a product go that is not there, or has another root.
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

// RootFingerprint is the fingerprint of the product's root key: what programs pin.
func (s *Service) RootFingerprint(p licensing.Product) (string, error) {
	keys, err := s.issuer.Keyring(p.Keyring)
	if err != nil {
		return "", fmt.Errorf("product %s: %w", p.ID, err)
	}
	return keys.Root(), nil
}
