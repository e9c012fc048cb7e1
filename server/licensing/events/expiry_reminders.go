package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A license that expires has an entry that is due at its next reminder. The entry is written before the license's end is, and the license
// is read again when it is due, so that a superfluous entry records nothing.

const expiryKind = "license_expiry"

// Day is a day in milliseconds.
const Day = 24 * 3600 * 1000

// reminderDays are the days before the expiry at which an event is recorded.
var reminderDays = []lease.Time{30, 7, 1, 0}

// nextReminder returns the time of the first reminder after now; 0: there is none.
func nextReminder(expires, now lease.Time) lease.Time {
	for _, days := range reminderDays {
		if at := expires - days*Day; expires != 0 && at > now {
			return at
		}
	}
	return 0
}

// scheduleReminder creates the license's entry or changes when it is due.
func scheduleReminder(ctx context.Context, store licensing.EntryStore, l licensing.License, now lease.Time) error {
	due := nextReminder(l.Expires, now)
	for due != 0 {
		held, err := store.Entry(ctx, expiryKind, string(l.ID))
		switch {
		case errors.Is(err, licensing.ErrNotFound):
			err = store.CreateEntry(ctx, licensing.Entry{Kind: expiryKind, ID: string(l.ID), Org: l.Organisation, Created: now, Due: due})
		case err == nil && held.Due > 0 && held.Due <= due:
			return nil // the entry is due in time
		case err == nil:
			held.Due = due
			_, err = store.ReplaceEntry(ctx, held)
		}
		if !errors.Is(err, licensing.ErrExists) && !errors.Is(err, licensing.ErrStale) && !errors.Is(err, licensing.ErrNotFound) {
			return err
		}
	}
	return nil
}

// RecordExpiring records the events of licenses that expire soon. A job calls it periodically, on any node.
func (s *Service) RecordExpiring(ctx context.Context) error {
	if s.sink == nil {
		return nil
	}
	now := s.env.Now()
	for {
		due, err := s.store.DueEntries(ctx, expiryKind, now, 100)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, e := range due {
			if err := s.recordExpiring(ctx, e, now); err != nil {
				return err
			}
		}
	}
}

// recordExpiring records the events that are due for a license and reschedules its entry. An event that is recorded twice is one event.
func (s *Service) recordExpiring(ctx context.Context, e licensing.Entry, now lease.Time) error {
	terms, err := s.store.LicenseContext(ctx, license.ID(e.ID))
	if err != nil && !errors.Is(err, licensing.ErrNotFound) {
		return err
	}
	l := &terms.License
	next := lease.Time(0)
	if err == nil && terms.Version.Policy.Type.LimitsTime() && l.Status != licensing.Revoked && !l.Archived {
		next = nextReminder(l.Expires, now)
		for i := len(reminderDays) - 1; i >= 0; i-- {
			if days := reminderDays[i]; l.Expires != 0 && l.Expires-days*Day <= now {
				if err := s.recordExpiry(ctx, l, days, now); err != nil {
					return err
				}
				break // earlier reminders that were missed are outdated
			}
		}
	}
	if next == 0 {
		err = s.store.DeleteEntry(ctx, expiryKind, e.ID, e.Revision)
	} else {
		e.Due = next
		_, err = s.store.ReplaceEntry(ctx, e)
	}
	if errors.Is(err, licensing.ErrStale) || errors.Is(err, licensing.ErrNotFound) {
		return nil // another node has recorded it, or the end was changed
	}
	return err
}

// recordExpiry records the event of an expiry in so many days, 0: now.
func (s *Service) recordExpiry(ctx context.Context, l *licensing.License, days, now lease.Time) error {
	n := LicenseExpiring.NewLicenseEvent(l, fmt.Sprintf("%s:%d:%d", l.ID, l.Expires, days), now)
	n.Details = map[string]any{"expires": licensing.FormatTime(l.Expires), "days": int64(days)}
	if days == 0 {
		n.Type, n.Details = LicenseExpired, map[string]any{"expires": licensing.FormatTime(l.Expires)}
	}
	return s.sink.Record(ctx, n)
}
