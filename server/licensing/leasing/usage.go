package leasing

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Usage is the usage of a license, with its limits.
type Usage struct {
	licensing.Meter
	License  licensing.License
	Policy   licensing.Policy // with the license's overrides
	Until    lease.Time       // end of the allowance's current period; 0: it has no periods
	LastSync lease.Time
}

// ActivationsUntil returns the end of the latest window of activations.
func (u Usage) ActivationsUntil() lease.Time { return u.WindowFrom + lease.Time(u.Policy.Interval) }

// MovesUntil returns the end of the latest window of transfers.
func (u Usage) MovesUntil() lease.Time { return u.MovesFrom + lease.Time(longWindow(u.Policy)) }

// Usage returns the usage of a license by all its activations.
func (s *Service) Usage(ctx context.Context, org, id license.ID) (u Usage, err error) {
	if u.License, err = s.store.License(ctx, org, id); err != nil {
		return u, err
	}
	v, err := s.store.Version(ctx, org, u.License.Version)
	if err != nil {
		return u, fmt.Errorf("the license's version: %w", err)
	}
	u.Policy = v.Policy.WithOverrides(u.License.Overrides)
	if u.Meter, err = s.store.Meter(ctx, id); err != nil {
		return u, err
	}
	u.LastSync, err = s.store.LastSync(ctx, id)
	var from lease.Time
	from, u.Until = u.Policy.PeriodAt(u.License.Created, s.env.Now())
	u.Charge(licensing.UsageCharge{Period: from, Allowance: licensing.Unlimited}, 0, 0) // a period may have begun since the last charge
	return u, err
}

const periodKind = "usage_period"

// saveClosedPeriods copies the closed periods of the meter into entries of their own.
func (s *Service) saveClosedPeriods(ctx context.Context, l *licensing.License) error {
	m, err := s.store.Meter(ctx, l.ID)
	if err != nil {
		return err
	}
	for _, p := range m.ClosedPeriods {
		e := licensing.Entry{ID: fmt.Sprintf("%s:%d", l.ID, p.From), Org: l.Organisation, List: string(l.ID), Created: p.From}
		_, err := s.periods().Create(ctx, e, p)
		if errors.Is(err, licensing.ErrExists) {
			err = s.replaceIfDifferent(ctx, e.ID, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// periods returns the closed periods that are stored.
func (s *Service) periods() licensing.Entries[licensing.Period] {
	return licensing.EntriesOf[licensing.Period](s.store, periodKind)
}

// replaceIfDifferent corrects a stored period by the meter, which has the right number.
func (s *Service) replaceIfDifferent(ctx context.Context, id string, p licensing.Period) error {
	stored, err := s.periods().Get(ctx, id)
	if err != nil || stored.Value == p {
		return err
	}
	stored.Value = p
	if _, err = s.periods().Replace(ctx, stored); errors.Is(err, licensing.ErrStale) {
		return nil // another call has stored the same meter's value
	}
	return err
}

// Periods lists the usage of a license in each closed period of its allowance in which there was any, newest first.
func (s *Service) Periods(ctx context.Context, org, id license.ID, page licensing.Page) (licensing.Listing[licensing.Period], error) {
	l, err := s.store.License(ctx, org, id)
	if err != nil {
		return licensing.Listing[licensing.Period]{}, err
	}
	if err := s.saveClosedPeriods(ctx, &l); err != nil {
		return licensing.Listing[licensing.Period]{}, err
	}
	stored, err := s.periods().List(ctx, org, string(id), page)
	if err != nil {
		return licensing.Listing[licensing.Period]{}, err
	}
	return licensing.MapListing(stored, licensing.TypedEntry[licensing.Period].Unwrap)
}
