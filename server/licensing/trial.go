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

// claimTrial makes sure that a trial is its customer's first of the product, and gives the entry that says so; none if that is no matter. Who finds
// the entry of the same license there raises its revision: so nobody else who writes that license gives it back (untried).
func (s *Service) claimTrial(ctx context.Context, l License, p Policy) (Entry, error) {
	if !l.Trial || !p.TrialOnce {
		return Entry{}, nil
	}
	if l.CustomerID == "" {
		return Entry{}, NewInvalid("customer_id", "is missing: each customer tries the product once")
	}
	e := Entry{Kind: trialKind, ID: string(l.Product) + ":" + string(l.CustomerID), Org: l.Organisation, List: string(l.CustomerID), Revision: 1, Created: s.now(), Body: []byte(l.ID)}
	for range MaxAttempts {
		err := s.store.CreateEntry(ctx, e)
		if !errors.Is(err, ErrExists) {
			return e, err
		}
		kept, err := s.store.Entry(ctx, e.Kind, e.ID)
		//mutant:tests never: a customer tries a product once
		if err == nil && license.ID(kept.Body) != l.ID {
			return Entry{}, NewInvalid("trial", "was given to this customer at %s already: license %s", FormatTime(kept.Created), kept.Body)
		} else if err == nil {
			kept, err = s.store.ReplaceEntry(ctx, kept)
		}
		if IgnoreNotFound(err) != nil || err == nil {
			return kept, err
		}
	}
	return Entry{}, ErrStale
}

// releaseTrial gives a trial back whose license was certainly not written, and makes the whole of what failed. Who else writes it may count on
// the trial: then it stays.
func (s *Service) releaseTrial(ctx context.Context, tried Entry, failed error) error {
	certain := errors.As(failed, new(*Invalid)) || errors.Is(failed, ErrStale) || errors.Is(failed, ErrExists) || errors.Is(failed, ErrNotFound)
	//mutant:tests always: a refused edit takes nobody's trial
	if tried.Revision != 1 || !certain {
		return failed
	}
	return errors.Join(failed, IgnoreNotFound(s.store.DeleteEntry(ctx, tried.Kind, tried.ID, tried.Revision)))
}
