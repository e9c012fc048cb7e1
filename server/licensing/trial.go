package licensing

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
)

// Where the policy says so, each customer tries a product once. That is an entry whose id is customer and product together; it outlives
// the license, for who has tried has tried. By machine it cannot be told: the parts of a fingerprint are made under the license's id, so that
// nobody can join two licenses by them.
const trialKind = "trial"

// tries makes sure that a trial is its customer's first of the product.
func (s *Service) tries(ctx context.Context, l License, p Policy) error {
	if !l.Trial || !p.TrialOnce {
		return nil
	}
	if l.CustomerID == "" {
		return invalid("customer_id", "is missing: each customer tries the product once")
	}
	e := Entry{Kind: trialKind, ID: string(l.Product) + ":" + string(l.CustomerID), Org: l.Organisation, List: string(l.CustomerID), Created: s.now(), Body: []byte(l.ID)}
	err := s.store.CreateEntry(ctx, e)
	if !errors.Is(err, ErrExists) {
		return err
	}
	kept, err := s.store.Entry(ctx, e.Kind, e.ID)
	if err == nil && license.ID(kept.Body) != l.ID {
		err = invalid("trial", "was given to this customer at %s already: license %s", stamp(kept.Created), kept.Body)
	}
	return err
}

// untried gives a trial back whose license could not be made.
func (s *Service) untried(ctx context.Context, l License) error {
	if !l.Trial || l.CustomerID == "" {
		return nil
	}
	id := string(l.Product) + ":" + string(l.CustomerID)
	kept, err := s.store.Entry(ctx, trialKind, id)
	if err == nil && license.ID(kept.Body) == l.ID {
		err = s.store.DeleteEntry(ctx, trialKind, id, kept.Revision)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
