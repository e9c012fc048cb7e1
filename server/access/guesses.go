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
	guessWindow       = 15 * time.Minute
	guessesPerPerson  = 10 // from one place
	guessesPerPlace   = 100
	accountWindow     = 24 * time.Hour
	guessesPerAccount = 20 // before waits begin
	longestWait       = 5 * time.Minute
	placeKept         = 90 * 24 * time.Hour
	placeRenewed      = 24 * time.Hour
)

const (
	guessKind = "guess"
	placeKind = "place"
)

// limit is one thing that is counted, and how far.
type limit struct {
	id    string
	most  int  // failures without a wait
	grows bool // each one more doubles the wait; else it lasts until the window has passed
}

// tally is the body of an entry.
type tally struct {
	Failed int        `json:"failed"`
	Since  lease.Time `json:"since"`
	Last   lease.Time `json:"last"`
}

// ends is when the tally is forgotten: with waits that grow, when nobody was wrong for long.
func (l limit) ends(t tally) lease.Time {
	if l.grows {
		return after(t.Last, accountWindow)
	}
	return after(t.Since, guessWindow)
}

// wait is how long the next try must.
func (l limit) wait(t tally, now lease.Time) time.Duration {
	until := l.ends(t)
	switch {
	case t.Failed < l.most || now >= until:
		return 0
	case l.grows:
		until = after(t.Last, min(longestWait, time.Second<<min(t.Failed-l.most, 30)))
	}
	return max(0, time.Duration(until-now)*time.Millisecond)
}

func after(t lease.Time, d time.Duration) lease.Time { return t + lease.Time(d.Milliseconds()) }

// attempt is one try of a person at a secret that could be guessed.
type attempt struct {
	s      *Service
	place  string
	limits []limit // the person's, then, where they are not known, the place's
	known  bool
}

// attempt counts a try, or says how long it must wait; then it is not counted.
func (s *Service) attempt(ctx context.Context, secret, account, address string) (*attempt, error) {
	place := placeOf(address)
	a := &attempt{s: s, place: place}
	var err error
	if a.known, err = s.knows(ctx, account, place); err != nil {
		return nil, err
	}
	a.limits = append(a.limits, limit{guessID(secret, account, place), guessesPerPerson, false})
	if !a.known {
		a.limits = append(a.limits, limit{guessID(secret, account, ""), guessesPerAccount, true}, limit{guessID(secret, "", place), guessesPerPlace, false})
	}
	for _, count := range []bool{false, true} { // who must wait anyway is not counted anywhere
		for _, l := range a.limits {
			if wait, err := s.tally(ctx, l, count); err != nil {
				return nil, err
			} else if wait > 0 {
				return nil, &Error{Code: "rate_limited", Detail: "too many wrong tries", RetryAfter: wait}
			}
		}
	}
	return a, nil
}

// succeeded forgets what was counted against the person, and takes the try back from its place.
func (a *attempt) succeeded(ctx context.Context) error {
	own := a.limits
	if !a.known {
		last := len(own) - 1
		if err := a.s.untally(ctx, own[last]); err != nil {
			return err
		}
		own = own[:last]
	}
	for _, l := range own {
		if err := a.s.store.DeleteEntry(ctx, guessKind, l.id, 0); err != nil && !errors.Is(err, licensing.ErrNotFound) {
			return err
		}
	}
	return nil
}

// wrong counts a secret of 256 bits that was not one, and gives the refusal, or says that there were too many. Those who show a good one
// are not kept from it: nobody guesses these, and a program with an old token must not shut out its neighbours.
func (s *Service) wrong(ctx context.Context, secret, address string, refusal *Error) error {
	wait, err := s.tally(ctx, limit{guessID(secret, "", placeOf(address)), guessesPerPlace, false}, true)
	if err == nil && wait > 0 {
		err = &Error{Code: "rate_limited", Detail: "too many wrong tries", RetryAfter: wait}
	} else if err == nil {
		err = refusal
	}
	return err
}

// tally tells how long the next try must wait, and if it need not counts it when told to.
func (s *Service) tally(ctx context.Context, l limit, count bool) (time.Duration, error) {
	for range patience {
		now := s.time()
		e, err := s.store.Entry(ctx, guessKind, l.id)
		t := tally{Since: now}
		if err == nil {
			t, err = decode[tally](e)
		}
		missing := errors.Is(err, licensing.ErrNotFound)
		if err != nil && !missing {
			return 0, err
		}
		if wait := l.wait(t, now); wait > 0 || !count {
			return wait, nil
		}
		if now >= l.ends(t) {
			t = tally{Since: now}
		}
		t.Failed, t.Last = t.Failed+1, now
		e.Body, e.Until = encode(t), l.ends(t)
		if missing {
			e.Kind, e.ID, e.Created = guessKind, l.id, now
			err = s.store.CreateEntry(ctx, e)
		} else {
			_, err = s.store.ReplaceEntry(ctx, e)
		}
		if !changedMeanwhile(err) {
			return 0, err
		}
	}
	return time.Second, nil // so many at once that the count does not follow
}

// untally takes one try back.
func (s *Service) untally(ctx context.Context, l limit) error {
	for range patience {
		e, err := s.store.Entry(ctx, guessKind, l.id)
		if errors.Is(err, licensing.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		t, err := decode[tally](e)
		if err != nil {
			return err
		}
		if t.Failed--; t.Failed <= 0 {
			err = s.store.DeleteEntry(ctx, guessKind, l.id, e.Revision)
		} else {
			e.Body = encode(t)
			_, err = s.store.ReplaceEntry(ctx, e)
		}
		if !changedMeanwhile(err) {
			return err
		}
	}
	return nil
}

// changedMeanwhile tells whether a write came too late, so that the entry must be read again.
func changedMeanwhile(err error) bool {
	return errors.Is(err, licensing.ErrStale) || errors.Is(err, licensing.ErrExists) || errors.Is(err, licensing.ErrNotFound)
}

// knows tells whether the person came in from the place lately.
func (s *Service) knows(ctx context.Context, account, place string) (bool, error) {
	e, err := s.store.Entry(ctx, placeKind, guessID("place", account, place))
	if errors.Is(err, licensing.ErrNotFound) {
		return false, nil
	}
	return err == nil && s.time() < e.Until, err
}

// know remembers the place. It is written once a day at most.
func (s *Service) know(ctx context.Context, account, place string) error {
	now := s.time()
	e := licensing.Entry{Kind: placeKind, ID: guessID("place", account, place), Created: now, Until: after(now, placeKept)}
	held, err := s.store.Entry(ctx, placeKind, e.ID)
	switch {
	case errors.Is(err, licensing.ErrNotFound):
		err = s.store.CreateEntry(ctx, e)
	case err == nil && held.Until < after(now, placeKept-placeRenewed):
		held.Until = e.Until
		_, err = s.store.ReplaceEntry(ctx, held)
	}
	if changedMeanwhile(err) {
		err = nil
	}
	return err
}

// guessID keeps addresses of people out of the store.
func guessID(secret, account, place string) string {
	return string(hashToken("guess", secret+"\n"+account+"\n"+place))
}

// placeOf is what stands for one place: an address, or of IPv6 the network that one customer is given.
func placeOf(address string) string {
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
