package licensing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Usage is what was used of a license, and what its limits leave.
type Usage struct {
	Meter
	License  License
	Policy   Policy     // with the license's overrides
	Until    lease.Time // end of the allowance's present period; 0: it has none
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
	from, u.Until = u.Policy.PeriodAt(u.License.Created, s.now())
	u.Charge(UsageCharge{Period: from, Allowance: Unlimited}, 0, 0) // a period may have begun since the last charge
	return u, err
}

const periodKind = "usage_period"

// saveClosedPeriods copies what the meter says of closed periods into entries of their own.
func (s *Service) saveClosedPeriods(ctx context.Context, l *License) error {
	m, err := s.store.Meter(ctx, l.ID)
	if err != nil {
		return err
	}
	for _, p := range m.ClosedPeriods {
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		e := Entry{Kind: periodKind, ID: fmt.Sprintf("%s:%d", l.ID, p.From), Org: l.Organisation, List: string(l.ID), Created: p.From, Body: body}
		err = s.store.CreateEntry(ctx, e)
		if errors.Is(err, ErrExists) {
			err = s.replaceIfDifferent(ctx, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// replaceIfDifferent makes an entry say what it should: the meter stands above it.
func (s *Service) replaceIfDifferent(ctx context.Context, e Entry) error {
	kept, err := s.store.Entry(ctx, e.Kind, e.ID)
	if err != nil || bytes.Equal(kept.Body, e.Body) {
		return err
	}
	e.Revision = kept.Revision
	if _, err = s.store.ReplaceEntry(ctx, e); errors.Is(err, ErrStale) {
		return nil // by somebody who has read the same meter
	}
	return err
}

// Periods is the usage of a license in each period of its allowance that is over and in which there was any, newest first.
func (s *Service) Periods(ctx context.Context, org, id license.ID, page Page) (Listing[Period], error) {
	l, err := s.store.License(ctx, org, id)
	if err != nil {
		return Listing[Period]{}, err
	}
	if err := s.saveClosedPeriods(ctx, &l); err != nil {
		return Listing[Period]{}, err
	}
	kept, err := s.store.Entries(ctx, periodKind, org, string(id), page)
	periods := Listing[Period]{Items: make([]Period, len(kept.Items)), Next: kept.Next}
	for n, e := range kept.Items {
		if err == nil {
			err = json.Unmarshal(e.Body, &periods.Items[n])
		}
	}
	return periods, err
}

// PeriodAt is the one of the allowance in which a time lies: its start and its end; both 0 where there are no periods.
func (p Policy) PeriodAt(created, now lease.Time) (from, until lease.Time) {
	t := now.Std().UTC()
	year, month, day := t.Date()
	at := func(year int, month time.Month, day int) lease.Time {
		return lease.Time(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).UnixMilli())
	}
	switch p.Period {
	case PeriodDay:
		return at(year, month, day), at(year, month, day+1)
	case PeriodWeek:
		day -= (int(t.Weekday()) + 6) % 7
		return at(year, month, day), at(year, month, day+7)
	case PeriodMonth:
		return at(year, month, 1), at(year, month+1, 1)
	case PeriodYear:
		return at(year, 1, 1), at(year+1, 1, 1)
	case PeriodFixed:
		length := lease.Time(p.PeriodLength)
		from = created + max(0, now-created)/length*length
		return from, from + length
	}
	return 0, 0
}

func (p Policy) checkPeriod(at string) error {
	switch p.Period {
	case "":
	case PeriodDay, PeriodWeek, PeriodMonth, PeriodYear, PeriodFixed:
		if !p.Type.LimitsCalls() {
			return NewInvalid(at+".period", "is %s, but the type %s does not count calls", p.Period, p.Type)
		}
	default:
		return NewInvalid(at+".period", "is %q, allowed are day, week, month, year, fixed", p.Period)
	}
	if p.Period == PeriodFixed {
		return CheckRange(at+".period_length", p.PeriodLength, minTerm, MaxDuration)
	}
	if p.PeriodLength != 0 {
		return NewInvalid(at+".period_length", "is %d, but only fixed periods have a length", p.PeriodLength)
	}
	return nil
}
