package leasing

import (
	"context"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// startTerm begins the term of a license with the first request that is accepted: its first activation, or, where the vendor has taken the end of
// a running license away, whoever comes next. It is written before that request is made true: whoever comes at the same time finds the term
// begun, and who has died in between has begun it. So it is done only for who will not be refused. On success it is ErrStale, for the
// request is to be decided on the license as it is then.
func (s *Service) startTerm(ctx context.Context, x *syncRequest, begins *licensing.ActivationLimits) error {
	if begins != nil {
		m, err := s.store.Meter(ctx, x.key.License)
		if err == nil {
			//mutant:tests blank: a refused activation begins no term
			err = m.Join(begins, x.now, x.key.Activation)
		}
		if err != nil {
			return err
		}
	}
	l := x.license.License
	l.Expires = x.now + lease.Time(l.Term.After)
	if err := s.history.RecordHistory(ctx, &l, licensing.HistoryEntry{Kind: licensing.Started}); err != nil {
		return err
	}
	if _, err := s.store.UpdateLicense(ctx, l); err != nil {
		return err
	}
	return licensing.ErrStale
}
