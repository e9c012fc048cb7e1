package catalogue

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Where the policy says so, each customer tries a product once. That is an entry whose id is customer and product together; it outlives
// the license, for who has tried has tried. By machine it cannot be told: the parts of a fingerprint are made under the license's id, so that
// nobody can join two licenses by them.
const trialKind = "trial"

// claimTrial makes sure that a trial is its customer's first of the product, and gives the entry that says so; none if that is no matter. Who finds
// the entry of the same license there raises its revision: so nobody else who writes that license gives it back (untried).
func (s *Service) claimTrial(ctx context.Context, l licensing.License, p licensing.Policy) (licensing.Entry, error) {
	if !l.Trial || !p.TrialOnce {
		return licensing.Entry{}, nil
	}
	if l.CustomerID == "" {
		return licensing.Entry{}, licensing.NewInvalid("customer_id", "is missing: each customer tries the product once")
	}
	e := licensing.Entry{Kind: trialKind, ID: string(l.Product) + ":" + string(l.CustomerID), Org: l.Organisation, List: string(l.CustomerID), Revision: 1, Created: s.env.Now(), Body: []byte(l.ID)}
	for range licensing.MaxAttempts {
		err := s.store.CreateEntry(ctx, e)
		if !errors.Is(err, licensing.ErrExists) {
			return e, err
		}
		kept, err := s.store.Entry(ctx, e.Kind, e.ID)
		//mutant:tests never: a customer tries a product once
		if err == nil && license.ID(kept.Body) != l.ID {
			return licensing.Entry{}, licensing.NewInvalid("trial", "was given to this customer at %s already: license %s", licensing.FormatTime(kept.Created), kept.Body)
		} else if err == nil {
			kept, err = s.store.ReplaceEntry(ctx, kept)
		}
		if licensing.IgnoreNotFound(err) != nil || err == nil {
			return kept, err
		}
	}
	return licensing.Entry{}, licensing.ErrStale
}

// releaseTrial gives a trial back whose license was certainly not written, and makes the whole of what failed. Who else writes it may count on
// the trial: then it stays.
func (s *Service) releaseTrial(ctx context.Context, tried licensing.Entry, failed error) error {
	certain := errors.As(failed, new(*licensing.Invalid)) || errors.Is(failed, licensing.ErrStale) || errors.Is(failed, licensing.ErrExists) || errors.Is(failed, licensing.ErrNotFound)
	//mutant:tests always: a refused edit takes nobody's trial
	if tried.Revision != 1 || !certain {
		return failed
	}
	return errors.Join(failed, licensing.IgnoreNotFound(s.store.DeleteEntry(ctx, tried.Kind, tried.ID, tried.Revision)))
}
