package catalogue

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// trialKind is the kind of the entries of trials, used where the policy allows each customer one trial of a product. The id is product and
// customer together. The entry outlives the license, since the trial has been used. Trials cannot be tracked by machine: the parts of a
// fingerprint are hashed under the id of the license, so that nobody can link two licenses by them.
const trialKind = "trial"

// claimTrial claims the customer's trial of the product for the license and returns the entry; none if the policy does not limit trials. If
// the license has claimed it before, the revision of the entry is raised, so that a concurrent writer of the license does not release it
// (releaseTrial).
func (s *Service) claimTrial(ctx context.Context, l licensing.License, p licensing.Policy) (licensing.Entry, error) {
	if !l.Trial || !p.TrialOnce {
		return licensing.Entry{}, nil
	}
	if l.CustomerID == "" {
		return licensing.Entry{}, licensing.NewInvalid("customer_id", "is missing: each customer tries the product once")
	}
	e := licensing.Entry{Kind: trialKind, ID: string(l.Product) + ":" + string(l.CustomerID), Org: l.Organisation, List: string(l.CustomerID),
		Revision: 1, Created: s.env.Now(), Body: []byte(l.ID)}
	for range licensing.MaxAttempts {
		err := s.store.CreateEntry(ctx, e)
		if !errors.Is(err, licensing.ErrExists) {
			return e, err
		}
		kept, err := s.store.Entry(ctx, e.Kind, e.ID)
		//mutant:tests never: a customer tries a product once
		if err == nil && license.ID(kept.Body) != l.ID {
			return licensing.Entry{}, licensing.NewInvalid("trial", "was given to this customer at %s already: license %s",
				licensing.FormatTime(kept.Created), kept.Body)
		} else if err == nil {
			kept, err = s.store.ReplaceEntry(ctx, kept)
		}
		if licensing.IgnoreNotFound(err) != nil || err == nil {
			return kept, err
		}
	}
	return licensing.Entry{}, licensing.ErrStale
}

// releaseTrial releases a claimed trial if the license was certainly not written, and returns the whole error. If another writer of the
// license may rely on the trial, it stays claimed.
func (s *Service) releaseTrial(ctx context.Context, tried licensing.Entry, failed error) error {
	certain := errors.As(failed, new(*licensing.Invalid)) || errors.Is(failed, licensing.ErrStale) || errors.Is(failed, licensing.ErrExists) ||
		errors.Is(failed, licensing.ErrNotFound)
	//mutant:tests always: a refused edit takes nobody's trial
	if tried.Revision != 1 || !certain {
		return failed
	}
	return errors.Join(failed, licensing.IgnoreNotFound(s.store.DeleteEntry(ctx, tried.Kind, tried.ID, tried.Revision)))
}
