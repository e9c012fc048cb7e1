package access

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// How often one may be wrong. What is counted lies in the store, so it holds on all nodes together, and each count is raised by its
// revision, so it holds for many at once. Three counts stand in the way of a guesser:
//
//   - one person from one place: whoever mistypes never meets it;
//   - one place, whoever it tries;
//   - one person from all places together, which many machines cannot get around. It makes each next try wait longer, from a second to
//     minutes.
//
// The last two do not count for a person at a place where they came in before: so nobody is kept out of where they usually are, neither by
// somebody elsewhere nor by a neighbour behind the same address. A new password by a mailed link makes a place known too.
//
// A try counts before its outcome is known, so that many at once do not slip through. When the counts cannot be written, nobody comes in:
// the people lie in the same store, so to let go would help no one who is honest.
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

// limit is one thing that is counted, and how far.
type limit struct {
	id            string
	maxFailures   int  // failures without a wait
	isExponential bool // each one more doubles the wait; else it lasts until the window has passed
}

// counter is the body of an entry.
type counter struct {
	Failed int        `json:"failed"`
	Since  lease.Time `json:"since"`
	Last   lease.Time `json:"last"`
}

// expiry is when the tally is forgotten: with waits that grow, when nobody was wrong for long.
func (l limit) expiry(t counter) lease.Time {
	if l.isExponential {
		return addDuration(t.Last, accountWindow)
	}
	return addDuration(t.Since, failureWindow)
}

// wait is how long the next try must.
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

// attempt is one try of a person at a secret that could be guessed.
type attempt struct {
	s            *Service
	place        string
	limits       []limit // the person's, then, where they are not known, the place's
	isKnownPlace bool
}

// beginAttempt counts a try, or says how long it must wait; then it is not counted.
func (s *Service) beginAttempt(ctx context.Context, secret, account, address string) (*attempt, error) {
	place := networkOf(address)
	a := &attempt{s: s, place: place}
	var err error
	if a.isKnownPlace, err = s.isKnownPlace(ctx, account, place); err != nil {
		return nil, err
	}
	a.limits = append(a.limits, limit{counterID(secret, account, place), maxFailuresPerAccountAndPlace, false})
	if !a.isKnownPlace {
		a.limits = append(a.limits, limit{counterID(secret, account, ""), maxFailuresPerAccount, true}, limit{counterID(secret, "", place), maxFailuresPerPlace, false})
	}
	for _, count := range []bool{false, true} { // who must wait anyway is not counted anywhere
		for _, l := range a.limits {
			if wait, err := s.checkLimit(ctx, l, count); err != nil {
				return nil, err
			} else if wait > 0 {
				return nil, &Error{Code: "rate_limited", Detail: "too many wrong tries", RetryAfter: wait}
			}
		}
	}
	return a, nil
}

// succeed forgets what was counted against the person, and takes the try back from its place.
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

// countFailure counts a secret of 256 bits that was not one, and gives the refusal, or says that there were too many. Those who show a good one
// are not kept from it: nobody guesses these, and a program with an old token must not shut out its neighbours.
func (s *Service) countFailure(ctx context.Context, secret, address string, refusal *Error) error {
	wait, err := s.checkLimit(ctx, limit{counterID(secret, "", networkOf(address)), maxFailuresPerPlace, false}, true)
	if err == nil && wait > 0 {
		err = &Error{Code: "rate_limited", Detail: "too many wrong tries", RetryAfter: wait}
	} else if err == nil {
		err = refusal
	}
	return err
}

// checkLimit tells how long the next try must wait, and if it need not counts it when told to.
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
	return time.Second, nil // so many at once that the count does not follow
}

// uncount takes one try back.
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

// isWriteConflict tells whether a write came too late, so that the entry must be read again.
func isWriteConflict(err error) bool {
	return errors.Is(err, licensing.ErrStale) || errors.Is(err, licensing.ErrExists) || errors.Is(err, licensing.ErrNotFound)
}

// isKnownPlace tells whether the person came in from the place lately.
func (s *Service) isKnownPlace(ctx context.Context, account, place string) (bool, error) {
	e, err := s.store.Entry(ctx, knownPlaceKind, counterID("place", account, place))
	if errors.Is(err, licensing.ErrNotFound) {
		return false, nil
	}
	return err == nil && s.timestamp() < e.Until, err
}

// rememberPlace remembers the place. It is written once a day at most.
func (s *Service) rememberPlace(ctx context.Context, account, place string) error {
	now := s.timestamp()
	e := licensing.Entry{Kind: knownPlaceKind, ID: counterID("place", account, place), Created: now, Until: addDuration(now, knownPlaceLifetime)}
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

// counterID keeps addresses of people out of the store.
func counterID(secret, account, place string) string {
	return string(hashToken("guess", secret+"\n"+account+"\n"+place))
}

// networkOf is what stands for one place: an address, or of IPv6 the network that one customer is given.
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
