package licensing

import (
	"time"

	"github.com/onelicense/onelicense/license/lease"
)

// PeriodAt returns start and end of the allowance's period that contains now, for a license of that creation time; both 0 if the policy has
// no periods.
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
