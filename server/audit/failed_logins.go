package audit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Failed logins come from strangers, as many as they like. So they are written later than they are answered, which keeps the time of an
// answer from telling whose address exists, and only a few for each person and hour; those of addresses that are nobody's go together
// into the server's chain. How many have no line is said by the next that has one. What a crash loses is seconds of them.

const (
	maxFailedLoginsPerMember = 5  // lines in an hour, of one person
	maxFailedLoginsUnknown   = 10 // of all addresses that are nobody's
	failedLoginWindow        = time.Hour
	maxWaitingFailedLogins   = 1000 // that wait to be written
	maxTrackedMembers        = 10_000
)

type failedLogins struct {
	mu      sync.Mutex
	waiting []FailedLogin
	missing map[license.ID]int64 // by member; those of nobody under the empty id
	since   time.Time
	written map[license.ID]int
}

// FailedLogin is one failed login.
type FailedLogin struct {
	Email string // as it was typed
	Line  Line
}

// MemberLookup finds the organisation and the member with an e-mail address; ErrNotFound when it is nobody's.
type MemberLookup func(ctx context.Context, email string) (org, member license.ID, err error)

// RecordFailedLogin notes a failed login.
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

// WriteFailedLogins writes what was noted.
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
			l.RecordFailedLogin(one) // it is tried again
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
