package licensing

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
)

// A certificate belongs to one product of the whole server: what programs pin is the root, so a file signed for one of two products under
// one root would be good for the other. The root's fingerprint is therefore claimed for the product before the record is made. A claim
// that a crash has left without its product is taken over by whoever comes next.

// rootClaimKind of the claims. They are the server's own, for they are held against every organisation.
const rootClaimKind = "root"

// rootClaimGrace is how long a claim may be without its product: for so long it may be on its way.
const rootClaimGrace = 60_000

func (s *Service) claimRoot(ctx context.Context, p Product) error {
	root, err := s.RootFingerprint(p)
	if err != nil {
		return err
	}
	claim := Entry{Kind: rootClaimKind, ID: root, Revision: 1, Created: s.now(), Body: []byte(p.ID)}
	if err = s.store.CreateEntry(ctx, claim); !errors.Is(err, ErrExists) {
		return err
	}
	taken := NewConflict(CodeRootInUse, "the root %s belongs to another product", root)
	held, err := s.store.Entry(ctx, rootClaimKind, root)
	if errors.Is(err, ErrNotFound) {
		return taken // it was let go this moment: the next try finds it free
	} else if err != nil {
		return fmt.Errorf("reading who has the root %s: %w", root, err)
	}
	if license.ID(held.Body) == p.ID { // by an earlier attempt of the same call
		return nil
	}
	if _, err := s.store.ProductWithKeys(ctx, license.ID(held.Body)); !errors.Is(err, ErrNotFound) || s.now() < held.Created+rootClaimGrace {
		return errors.Join(taken, IgnoreNotFound(err))
	}
	if err := s.store.DeleteEntry(ctx, rootClaimKind, root, held.Revision); err != nil && !errors.Is(err, ErrNotFound) {
		return errors.Join(taken, IgnoreNotFound(err))
	}
	if err := s.store.CreateEntry(ctx, claim); errors.Is(err, ErrExists) {
		return taken
	} else if err != nil {
		return err
	}
	return nil
}

// IgnoreNotFound is what a look-up failed with, beside finding nothing.
func IgnoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrStale) {
		return nil
	}
	return err
}

// releaseRoot lets the claim of a product go that is not there, or has another root.
func (s *Service) releaseRoot(ctx context.Context, p Product) error {
	root, err := s.RootFingerprint(p)
	if err != nil {
		return err
	}
	held, err := s.store.Entry(ctx, rootClaimKind, root)
	if err != nil || license.ID(held.Body) != p.ID {
		return IgnoreNotFound(err)
	}
	there, err := s.store.ProductWithKeys(ctx, p.ID)
	if err == nil {
		present, err := s.RootFingerprint(there)
		if err != nil || present == root {
			return err
		}
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	return IgnoreNotFound(s.store.DeleteEntry(ctx, rootClaimKind, root, held.Revision))
}
