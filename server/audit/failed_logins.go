package audit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Anybody can cause failed logins, in any number. So they are written after the response, which keeps the response time from revealing
// whether an address exists, and only a few per member and hour; those with unknown addresses go into the server's chain together. The next
// line that is written says how many have none. A crash loses those of the last seconds.

const (
	maxFailedLoginsPerMember = 5  // lines per hour and member
	maxFailedLoginsUnknown   = 10 // lines per hour for all unknown addresses
	failedLoginWindow        = time.Hour
	maxWaitingFailedLogins   = 1000 // in memory
	maxTrackedMembers        = 10_000
)

type failedLogins struct {
	mu      sync.Mutex
	waiting []FailedLogin
	missing map[license.ID]int64 // by member; those with unknown addresses under the empty id
	since   time.Time
	written map[license.ID]int
}

// FailedLogin is one failed login.
type FailedLogin struct {
	Email string // as typed
	Line  Line
}

// MemberLookup returns the organisation and the member with an e-mail address, or licensing.ErrNotFound.
type MemberLookup func(ctx context.Context, email string) (org, member license.ID, err error)

// RecordFailedLogin keeps a failed login in memory until WriteFailedLogins.
func (l *Log) RecordFailedLogin(a FailedLogin) {
	l.failedLogins.mu.Lock()
	defer l.failedLogins.mu.Unlock()
	if len(l.failedLogins.waiting) >= maxWaitingFailedLogins {
		l.failedLogins.countMissing("")
		return
	}
	l.failedLogins.waiting = append(l.failedLogins.waiting, a)
}

func (a *failedLogins) countMissing(member license.ID) {
	if a.missing == nil {
		a.missing = map[license.ID]int64{}
	}
	if _, ok := a.missing[member]; !ok && len(a.missing) >= maxTrackedMembers {
		member = ""
	}
	a.missing[member]++
}

// WriteFailedLogins writes the lines of the recorded logins, as far as the limits allow.
func (l *Log) WriteFailedLogins(ctx context.Context, whose MemberLookup) error {
	a := &l.failedLogins
	a.mu.Lock()
	waiting := a.waiting
	a.waiting = nil
	if len(waiting) > 0 {
		if now := l.Now(); a.written == nil || now.Sub(a.since) >= failedLoginWindow {
			a.since, a.written = now, map[license.ID]int{}
		}
	}
	a.mu.Unlock()
	var errs []error
	for _, one := range waiting {
		org, member, err := whose(ctx, one.Email)
		if err != nil && !errors.Is(err, licensing.ErrNotFound) {
			errs = append(errs, err)
			l.RecordFailedLogin(one) // to be retried
			continue
		}
		most := maxFailedLoginsUnknown
		if member != "" {
			most = maxFailedLoginsPerMember
			one.Line.Records = []string{"members/" + string(member)}
		}
		a.mu.Lock()
		room := a.written[member] < most
		if room {
			a.written[member]++
			one.Line.Missing = a.missing[member]
			delete(a.missing, member)
		} else {
			a.countMissing(member)
		}
		a.mu.Unlock()
		if room {
			errs = append(errs, l.Append(ctx, org, one.Line))
		}
	}
	return errors.Join(errs...)
}
