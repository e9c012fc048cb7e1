package licensing

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// A license that ends has an entry that is due at the next time when something is to be said of it. It is written before the end is, and what
// is said goes by the license as it is then: an entry too many says nothing.

const (
	expiryKind = "license_expiry"
	day        = 24 * 3600 * 1000
)

// daysBefore is when an end is announced.
var daysBefore = []lease.Time{30, 7, 1, 0}

// nextNotice is the first announcement of an end after now; 0: there is none any more.
func nextNotice(expires, now lease.Time) lease.Time {
	for _, days := range daysBefore {
		if at := expires - days*day; expires != 0 && at > now {
			return at
		}
	}
	return 0
}

// schedule makes or moves the license's entry.
func schedule(ctx context.Context, store Entries, l License, now lease.Time) error {
	due := nextNotice(l.Expires, now)
	for due != 0 {
		held, err := store.Entry(ctx, expiryKind, string(l.ID))
		switch {
		case errors.Is(err, ErrNotFound):
			err = store.CreateEntry(ctx, Entry{Kind: expiryKind, ID: string(l.ID), Org: l.Organisation, Created: now, Due: due})
		case err == nil && held.Due > 0 && held.Due <= due:
			return nil // it is looked at in time
		case err == nil:
			held.Due = due
			_, err = store.ReplaceEntry(ctx, held)
		}
		if !errors.Is(err, ErrExists) && !errors.Is(err, ErrStale) && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// TellExpiring tells of the licenses that end soon. It is to be called now and then, on any node.
func (s *Service) TellExpiring(ctx context.Context) error {
	if s.notices == nil {
		return nil
	}
	now := s.now()
	for {
		due, err := s.store.DueEntries(ctx, expiryKind, now, 100)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, e := range due {
			if err := s.tellExpiring(ctx, e, now); err != nil {
				return err
			}
		}
	}
}

// tellExpiring says what is due, and then moves the entry: what was said twice is one notice.
func (s *Service) tellExpiring(ctx context.Context, e Entry, now lease.Time) error {
	terms, err := s.store.Terms(ctx, license.ID(e.ID))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	l := &terms.License
	next := lease.Time(0)
	if err == nil && terms.Version.Policy.Type.Expiring() && l.Status != Revoked && !l.Archived {
		next = nextNotice(l.Expires, now)
		for i := len(daysBefore) - 1; i >= 0; i-- {
			if days := daysBefore[i]; l.Expires != 0 && l.Expires-days*day <= now {
				if err := s.tellEnd(ctx, l, days, now); err != nil {
					return err
				}
				break // an earlier one that nobody was there to tell is out of date
			}
		}
	}
	if next == 0 {
		err = s.store.DeleteEntry(ctx, expiryKind, e.ID, e.Revision)
	} else {
		e.Due = next
		_, err = s.store.ReplaceEntry(ctx, e)
	}
	if errors.Is(err, ErrStale) || errors.Is(err, ErrNotFound) {
		return nil // another node was quicker, or the end was moved
	}
	return err
}

func (s *Service) tellEnd(ctx context.Context, l *License, days, now lease.Time) error {
	n := LicenseExpiring.of(l, fmt.Sprintf("%s:%d:%d", l.ID, l.Expires, days), now)
	n.Details = map[string]any{"expires": stamp(l.Expires), "days": int64(days)}
	if days == 0 {
		n.Type, n.Details = LicenseExpired, map[string]any{"expires": stamp(l.Expires)}
	}
	return s.notices.Tell(ctx, n)
}
