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
	attemptsEach    = 5  // lines in an hour, of one person
	attemptsOthers  = 10 // of all addresses that are nobody's
	attemptWindow   = time.Hour
	mostAttempts    = 1000 // that wait to be written
	mostRemembering = 10_000
)

type attempts struct {
	mu      sync.Mutex
	waiting []Attempt
	missing map[license.ID]int64 // by member; those of nobody under the empty id
	since   time.Time
	written map[license.ID]int
}

// Attempt is one failed login.
type Attempt struct {
	Email string // as it was typed
	Line  Line
}

// Whose finds the organisation and the member with an e-mail address; ErrNotFound when it is nobody's.
type Whose func(ctx context.Context, email string) (org, member license.ID, err error)

// Attempted notes a failed login.
func (l *Log) Attempted(a Attempt) {
	l.attempts.mu.Lock()
	defer l.attempts.mu.Unlock()
	if len(l.attempts.waiting) >= mostAttempts {
		l.attempts.miss("")
		return
	}
	l.attempts.waiting = append(l.attempts.waiting, a)
}

func (a *attempts) miss(member license.ID) {
	if a.missing == nil {
		a.missing = map[license.ID]int64{}
	}
	if _, ok := a.missing[member]; !ok && len(a.missing) >= mostRemembering {
		member = ""
	}
	a.missing[member]++
}

// WriteAttempts writes what was noted.
func (l *Log) WriteAttempts(ctx context.Context, whose Whose) error {
	a := &l.attempts
	a.mu.Lock()
	waiting := a.waiting
	a.waiting = nil
	if len(waiting) > 0 {
		if now := l.Now(); a.written == nil || now.Sub(a.since) >= attemptWindow {
			a.since, a.written = now, map[license.ID]int{}
		}
	}
	a.mu.Unlock()
	var errs []error
	for _, one := range waiting {
		org, member, err := whose(ctx, one.Email)
		if err != nil && !errors.Is(err, licensing.ErrNotFound) {
			errs = append(errs, err)
			l.Attempted(one) // it is tried again
			continue
		}
		most := attemptsOthers
		if member != "" {
			most = attemptsEach
			one.Line.Records = []string{"members/" + string(member)}
		}
		a.mu.Lock()
		room := a.written[member] < most
		if room {
			a.written[member]++
			one.Line.Missing = a.missing[member]
			delete(a.missing, member)
		} else {
			a.miss(member)
		}
		a.mu.Unlock()
		if room {
			errs = append(errs, l.Append(ctx, org, one.Line))
		}
	}
	return errors.Join(errs...)
}
