package leasing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Usage is what was used of a license, and what its limits leave.
type Usage struct {
	licensing.Meter
	License  licensing.License
	Policy   licensing.Policy // with the license's overrides
	Until    lease.Time       // end of the allowance's present period; 0: it has none
	LastSync lease.Time
}

// ActivationsUntil is the end of the latest window of activations, and MovesUntil that of moves.
func (u Usage) ActivationsUntil() lease.Time { return u.WindowFrom + lease.Time(u.Policy.Interval) }

// MovesUntil is told above.
func (u Usage) MovesUntil() lease.Time { return u.MovesFrom + lease.Time(longWindow(u.Policy)) }

// Usage tells what a license's activations have used and taken so far.
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

// saveClosedPeriods copies what the meter says of closed periods into entries of their own.
func (s *Service) saveClosedPeriods(ctx context.Context, l *licensing.License) error {
	m, err := s.store.Meter(ctx, l.ID)
	if err != nil {
		return err
	}
	for _, p := range m.ClosedPeriods {
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		e := licensing.Entry{Kind: periodKind, ID: fmt.Sprintf("%s:%d", l.ID, p.From), Org: l.Organisation, List: string(l.ID), Created: p.From, Body: body}
		err = s.store.CreateEntry(ctx, e)
		if errors.Is(err, licensing.ErrExists) {
			err = s.replaceIfDifferent(ctx, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replaceIfDifferent makes an entry say what it should: the meter stands above it.
func (s *Service) replaceIfDifferent(ctx context.Context, e licensing.Entry) error {
	kept, err := s.store.Entry(ctx, e.Kind, e.ID)
	if err != nil || bytes.Equal(kept.Body, e.Body) {
		return err
	}
	e.Revision = kept.Revision
	if _, err = s.store.ReplaceEntry(ctx, e); errors.Is(err, licensing.ErrStale) {
		return nil // by somebody who has read the same meter
	}
	return err
}

// Periods is the usage of a license in each period of its allowance that is over and in which there was any, newest first.
func (s *Service) Periods(ctx context.Context, org, id license.ID, page licensing.Page) (licensing.Listing[licensing.Period], error) {
	l, err := s.store.License(ctx, org, id)
	if err != nil {
		return licensing.Listing[licensing.Period]{}, err
	}
	if err := s.saveClosedPeriods(ctx, &l); err != nil {
		return licensing.Listing[licensing.Period]{}, err
	}
	kept, err := s.store.Entries(ctx, periodKind, org, string(id), page)
	periods := licensing.Listing[licensing.Period]{Items: make([]licensing.Period, len(kept.Items)), Next: kept.Next}
	for n, e := range kept.Items {
		if err == nil {
			err = json.Unmarshal(e.Body, &periods.Items[n])
		}
	}
	return periods, err
}
