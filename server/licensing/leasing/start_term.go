package leasing

import (
	"context"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// startTerm begins the term of a license with its first accepted request: its first activation or, if the vendor has removed the end of a
// license in use, the next sync. The term is written before the request is stored, so that concurrent requests, and those after a crash,
// find it begun; therefore it is called only for a request that will not be refused. It returns licensing.ErrStale on success, since the
// request has to be decided on the changed license.
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
