package licensing_test

import (
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/leasing"
)

// withPeriod gives the license ten calls in each period, and no end.
func withPeriod(kind licensing.PeriodKind, length int64) func(*licensing.Policy, *licensing.License) {
	return func(p *licensing.Policy, l *licensing.License) {
		p.Type, p.Period, p.PeriodLength, l.Expires = lease.Calls, kind, length, 0
	}
}

func (s *server) usage(t *testing.T) leasing.Usage {
	t.Helper()
	u, err := s.Usage(t.Context(), s.org, s.license.ID)
	must(t, err)
	return u
}

// The allowance in a lease counts from the license's creation, as the usage does, so programs need not know of periods.
func TestMonthlyAllowance(t *testing.T) {
	s := newServer(t, withPeriod(licensing.PeriodMonth, 0))
	p, q := s.program(1), s.program(2)
	p.sync(t, counts(8))
	l := q.sync(t, counts(5)) // past what is left
	equal(t, "verdict", l.Verdict, license.CodeExhausted)
	equal(t, "counters", l.Counters, lease.Counters{Used: 10, Allowance: 10, Counted: 2})
	u := s.usage(t)
	equal(t, "of the month", u.Used-u.UsedBeforePeriod, 10)
	equal(t, "until", u.Until, ms(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)))

	s.wait(27*24*time.Hour + 12*time.Hour - time.Millisecond) // the last of the month
	equal(t, "verdict", q.sync(t, counts(3)).Verdict, license.CodeExhausted)
	s.wait(time.Millisecond)
	u = s.usage(t)
	equal(t, "of the new month, before anybody came", u.Used-u.UsedBeforePeriod, 0)
	l = q.sync(t, counts(3))
	equal(t, "verdict", l.Verdict, license.CodeOK)
	equal(t, "counters", l.Counters, lease.Counters{Used: 11, Allowance: 20, Counted: 3})

	s.wait(100 * 24 * time.Hour)
	l = p.sync(t, counts(108))
	equal(t, "overshoot is capped", l.Counters, lease.Counters{Used: 21, Allowance: 21, Counted: 18})
	past, err := s.Periods(t.Context(), s.org, s.license.ID, licensing.Page{})
	must(t, err)
	if len(past.Items) != 2 || past.Items[0] != (licensing.Period{From: ms(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)), Used: 1}) ||
		past.Items[1] != (licensing.Period{From: ms(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)), Used: 10}) {
		t.Errorf("%+v", past.Items)
	}
}

// All closed periods are listed, although the meter keeps only a few.
func TestClosedPeriodsAreListed(t *testing.T) {
	s := newServer(t, withPeriod(licensing.PeriodDay, 0))
	p := s.program(1)
	for n := range 40 {
		p.sync(t, counts(int64(n+1)))
		s.wait(24 * time.Hour)
	}
	past, err := s.Periods(t.Context(), s.org, s.license.ID, licensing.Page{})
	must(t, err)
	equal(t, "periods", len(past.Items), 39)
	must(t, s.DeleteLicense(t.Context(), s.org, s.license.ID, 0))
	kept, err := s.store.Entries(t.Context(), "usage_period", s.org, "", licensing.Page{})
	must(t, err)
	equal(t, "kept of a deleted license", len(kept.Items), 0)
}

func TestPeriodBoundaries(t *testing.T) {
	at := func(year int, month time.Month, day, hour int) lease.Time {
		return ms(time.Date(year, month, day, hour, 0, 0, 0, time.UTC))
	}
	for _, c := range []struct {
		kind        licensing.PeriodKind
		length      int64
		from, until lease.Time
	}{
		{licensing.PeriodDay, 0, at(2026, 3, 4, 0), at(2026, 3, 5, 0)},
		{licensing.PeriodWeek, 0, at(2026, 3, 2, 0), at(2026, 3, 9, 0)},
		{licensing.PeriodMonth, 0, at(2026, 3, 1, 0), at(2026, 4, 1, 0)},
		{licensing.PeriodYear, 0, at(2026, 1, 1, 0), at(2027, 1, 1, 0)},
		{licensing.PeriodFixed, 5 * 60 * minute, at(2026, 3, 4, 22), at(2026, 3, 5, 3)},
	} {
		s := newServer(t, withPeriod(c.kind, c.length))
		s.wait(11*time.Hour + 59*time.Minute)
		s.program(1).sync(t, counts(1))
		u := s.usage(t)
		equal(t, string(c.kind)+" from", u.Period, c.from)
		equal(t, string(c.kind)+" until", u.Until, c.until)
	}
}

// Calls that were prepaid in one period are valid in the next, and charged once.
func TestPrepaidAcrossPeriods(t *testing.T) {
	s := newServer(t, withPeriod(licensing.PeriodDay, 0), func(p *licensing.Policy, _ *licensing.License) { p.Prepaid = 4 })
	p := s.program(1)
	equal(t, "granted", p.sync(t, counts(8)).Counters, lease.Counters{Used: 10, Allowance: 10, Counted: 8, Granted: 10})
	s.wait(24 * time.Hour)
	equal(t, "granted", p.sync(t, counts(10)).Counters, lease.Counters{Used: 14, Allowance: 20, Counted: 10, Granted: 14})
}

// proves part of B01
func TestTransferLimit(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, l *licensing.License) {
		p.MaxMachines, p.TransferLimit = 1, 2
		l.Expires += 1000 * aDay
	})
	a, b, c, d := s.program(1), s.program(2), s.program(3), s.program(4)
	a.sync(t)
	b.refused(t, license.CodeMachineLimit)
	a.sync(t, goodbye)
	b.sync(t)
	b.sync(t, goodbye)
	c.sync(t)
	c.sync(t, goodbye)
	s.wait(time.Hour)
	no := d.refused(t, license.CodeMoveLimit)
	equal(t, "again from", no.RetryAt, ms(startTime)+30*aDay)
	must(t, s.Deactivate(t.Context(), s.org, licensing.ActivationKey{License: s.license.ID, Activation: c.activation()}))
	d.sync(t) // the vendor's doing is no move
	d.sync(t, goodbye)
	a.refused(t, license.CodeMoveLimit, func(r *lease.Request) { r.Generation, r.Number, r.Previous, r.Lease = 2, 1, lease.OriginLink, "" })
	s.wait(30 * 24 * time.Hour)
	a.sync(t, func(r *lease.Request) { r.Generation, r.Number, r.Previous, r.Lease = 2, 1, lease.OriginLink, "" })
	u := s.usage(t)
	equal(t, "moves", u.Moves, 1)
	equal(t, "until", u.MovesUntil(), s.usage(t).MovesFrom+30*aDay)
}

// A clock that is set back over the end of a period, or a slow clock of another node, does not end the current period, which would then
// begin twice.
func TestPeriodStartsOnce(t *testing.T) {
	s := newServer(t, withPeriod(licensing.PeriodDay, 0))
	p := s.program(1)
	s.wait(13 * time.Hour)
	p.sync(t, counts(10))
	for _, step := range []time.Duration{-2 * time.Hour, 2 * time.Hour} {
		s.wait(step)
		l := p.sync(t, counts(11))
		equal(t, "verdict", l.Verdict, license.CodeExhausted)
		equal(t, "counted", l.Counters.Counted, 10)
	}
	s.wait(23 * time.Hour)
	equal(t, "the next day", p.sync(t, counts(11)).Verdict, license.CodeOK)
}

// An installation that vacates its place and returns to it, before another takes it, causes no transfer.
//
// proves part of B01
func TestReturnToOwnPlaceIsNoTransfer(t *testing.T) {
	s := newServer(t, func(p *licensing.Policy, l *licensing.License) { p.MaxMachines, p.TransferLimit = 1, 1 })
	a := s.program(1)
	again := func(generation int64) func(*lease.Request) {
		return func(r *lease.Request) {
			r.Generation, r.Number, r.Previous, r.Lease = generation, 1, lease.OriginLink, ""
		}
	}
	a.sync(t)
	for n := range int64(3) {
		a.sync(t, goodbye)
		a.sync(t, again(n+2))
	}
	equal(t, "moves", s.usage(t).Moves, 0)
	a.sync(t, goodbye)
	b := s.program(2)
	b.sync(t) // that is one
	b.sync(t, goodbye)
	a.refused(t, license.CodeMoveLimit, again(5)) // the place is b's by now
}
