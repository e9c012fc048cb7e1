package access

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Limits on failed authentication. The counters are in the store, so they hold on all nodes together, and each is raised by its revision,
// so concurrent attempts are all counted. Three counters limit guessing:
//
//   - one account from one place: a person who mistypes never reaches it;
//   - one place, for all accounts;
//   - one account from all places together, which many machines cannot avoid. The wait doubles with each attempt, from a second to minutes.
//
// The last two do not apply to a person at a known place, where they logged in before: so nobody is locked out at their usual place by
// attackers elsewhere or by a neighbour behind the same address. Setting a new password with a mailed link makes a place known too.
//
// An attempt is counted before its outcome is known, so that concurrent attempts cannot pass unnoticed. If the counters cannot be written
// nobody can log in: the members are in the same store, so admitting people would help nobody.
const (
	failureWindow                 = 15 * time.Minute
	maxFailuresPerAccountAndPlace = 10 // from one place
	maxFailuresPerPlace           = 100
	accountWindow                 = 24 * time.Hour
	maxFailuresPerAccount         = 20 // before waits begin
	maxWait                       = 5 * time.Minute
	knownPlaceLifetime            = 90 * 24 * time.Hour
	knownPlaceRenewal             = 24 * time.Hour
)

const (
	failureKind    = "guess"
	knownPlaceKind = "place"
)

// limit is one counter and its threshold.
type limit struct {
	id            string
	maxFailures   int  // failures allowed without a wait
	isExponential bool // each further failure doubles the wait; otherwise the wait lasts until the window ends
}

// counter is the body of a counter's entry.
type counter struct {
	Failed int        `json:"failed"`
	Since  lease.Time `json:"since"`
	Last   lease.Time `json:"last"`
}

// expiry returns when the counter expires: an exponential one, when there was no failure for accountWindow.
func (l limit) expiry(t counter) lease.Time {
	if l.isExponential {
		return addDuration(t.Last, accountWindow)
	}
	return addDuration(t.Since, failureWindow)
}

// wait returns how long the next attempt must wait.
func (l limit) wait(t counter, now lease.Time) time.Duration {
	until := l.expiry(t)
	switch {
	case t.Failed < l.maxFailures || now >= until:
		return 0
	case l.isExponential:
		until = addDuration(t.Last, min(maxWait, time.Second<<min(t.Failed-l.maxFailures, 30)))
	}
	return max(0, time.Duration(until-now)*time.Millisecond)
}

func addDuration(t lease.Time, d time.Duration) lease.Time { return t + lease.Time(d.Milliseconds()) }

// attempt is one attempt of a person to present a secret that could be guessed.
type attempt struct {
	s            *Service
	place        string
	limits       []limit // of the account, then, at an unknown place, of the place
	isKnownPlace bool
}

// beginAttempt counts an attempt. If the attempt must wait, it returns an Error with the code rate_limited, and counts nothing.
func (s *Service) beginAttempt(ctx context.Context, secret, account, address string) (*attempt, error) {
	place := networkOf(address)
	a := &attempt{s: s, place: place}
	var err error
	if a.isKnownPlace, err = s.isKnownPlace(ctx, account, place); err != nil {
		return nil, err
	}
	a.limits = append(a.limits, limit{counterID(secret, account, place), maxFailuresPerAccountAndPlace, false})
	if !a.isKnownPlace {
		a.limits = append(a.limits,
			limit{counterID(secret, account, ""), maxFailuresPerAccount, true},
			limit{counterID(secret, "", place), maxFailuresPerPlace, false})
	}
	for _, count := range []bool{false, true} { // an attempt that must wait is not counted anywhere
		for _, l := range a.limits {
			if wait, err := s.checkLimit(ctx, l, count); err != nil {
				return nil, err
			} else if wait > 0 {
				return nil, &Error{Code: "rate_limited", Detail: "too many failed attempts; wait before trying again", RetryAfter: wait}
			}
		}
	}
	return a, nil
}

// succeed resets the account's counters, and takes the attempt back from the place's counter.
func (a *attempt) succeed(ctx context.Context) error {
	own := a.limits
	if !a.isKnownPlace {
		last := len(own) - 1
		if err := a.s.uncount(ctx, own[last]); err != nil {
			return err
		}
		own = own[:last]
	}
	for _, l := range own {
		if err := a.s.counters().DeleteIfExists(ctx, l.id); err != nil {
			return err
		}
	}
	return nil
}

// countFailure counts a wrong 256-bit secret against its place, and returns the refusal, or rate_limited after too many. A valid secret is
// never refused for it: nobody can guess one, and a program with an old token must not lock out its neighbours.
func (s *Service) countFailure(ctx context.Context, secret, address string, refusal *Error) error {
	wait, err := s.checkLimit(ctx, limit{counterID(secret, "", networkOf(address)), maxFailuresPerPlace, false}, true)
	if err == nil && wait > 0 {
		err = &Error{Code: "rate_limited", Detail: "too many failed attempts; wait before trying again", RetryAfter: wait}
	} else if err == nil {
		err = refusal
	}
	return err
}

// checkLimit returns how long the next attempt must wait. If it need not wait and count is true, it counts the attempt.
func (s *Service) checkLimit(ctx context.Context, l limit, count bool) (time.Duration, error) {
	for range maxRetries {
		now := s.timestamp()
		e, err := s.counters().Get(ctx, l.id)
		if errors.Is(err, licensing.ErrNotFound) {
			e.Entry, e.Value = licensing.Entry{ID: l.id, Created: now}, counter{Since: now}
		} else if err != nil {
			return 0, err
		}
		t := e.Value
		if wait := l.wait(t, now); wait > 0 || !count {
			return wait, nil
		}
		if now >= l.expiry(t) {
			t = counter{Since: now}
		}
		t.Failed, t.Last = t.Failed+1, now
		e.Value, e.Until = t, l.expiry(t)
		if _, err = s.counters().Put(ctx, e); !isWriteConflict(err) {
			return 0, err
		}
	}
	return time.Second, nil // so many concurrent attempts that the counter cannot follow
}

// uncount takes one attempt back.
func (s *Service) uncount(ctx context.Context, l limit) error {
	for range maxRetries {
		e, err := s.counters().Get(ctx, l.id)
		if errors.Is(err, licensing.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		if e.Value.Failed--; e.Value.Failed <= 0 {
			err = s.counters().Delete(ctx, l.id, e.Revision)
		} else {
			_, err = s.counters().Replace(ctx, e)
		}
		if !isWriteConflict(err) {
			return err
		}
	}
	return nil
}

// isWriteConflict reports whether a write lost to another one, so that the entry must be read again.
func isWriteConflict(err error) bool {
	return errors.Is(err, licensing.ErrStale) || errors.Is(err, licensing.ErrExists) || errors.Is(err, licensing.ErrNotFound)
}

// isKnownPlace reports whether the person logged in from the place within knownPlaceLifetime.
func (s *Service) isKnownPlace(ctx context.Context, account, place string) (bool, error) {
	e, err := s.store.Entry(ctx, knownPlaceKind, counterID("place", account, place))
	if errors.Is(err, licensing.ErrNotFound) {
		return false, nil
	}
	return err == nil && s.timestamp() < e.Until, err
}

// rememberPlace marks the place as known. It writes at most once a day.
func (s *Service) rememberPlace(ctx context.Context, account, place string) error {
	now := s.timestamp()
	e := licensing.Entry{
		Kind:    knownPlaceKind,
		ID:      counterID("place", account, place),
		Created: now,
		Until:   addDuration(now, knownPlaceLifetime),
	}
	held, err := s.store.Entry(ctx, knownPlaceKind, e.ID)
	switch {
	case errors.Is(err, licensing.ErrNotFound):
		err = s.store.CreateEntry(ctx, e)
	case err == nil && held.Until < addDuration(now, knownPlaceLifetime-knownPlaceRenewal):
		held.Until = e.Until
		_, err = s.store.ReplaceEntry(ctx, held)
	}
	if isWriteConflict(err) {
		err = nil
	}
	return err
}

// counterID returns the id of a counter, a hash, which keeps e-mail addresses out of the store.
func counterID(secret, account, place string) string {
	return string(hashToken("guess", secret+"\n"+account+"\n"+place))
}

// networkOf returns the place of an address: an IPv4 address itself, or the /64 network of an IPv6 address, which is what one customer is
// given.
func networkOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	network, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return network.String()
}
