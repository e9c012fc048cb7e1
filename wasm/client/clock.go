package client

import "github.com/onelicense/onelicense/license/lease"

// clock keeps the time that rights are checked against. The computer's clock is used only until an answer was verified in this process;
// from then on time is the server's, advanced by the larger of the two local clocks, so that neither a clock set back nor a suspended
// laptop gains anything. The mark is the highest such time. Only signed times and monotonic steps raise it, so a clock that is set
// forward by accident and back again does no harm.
type clock struct {
	wall lease.Time // wall clock of the present event
	mono int64
	mark lease.Time // highest time known; kept in the snapshot

	ticking  bool
	began    int64 // mono of the first event
	synced   bool
	signed   lease.Time // last signed time; wallThen and monoThen are both clocks at its arrival
	wallThen lease.Time
	monoThen int64
}

// tick sets both clocks to those of an event. The monotonic clock never goes back.
func (c *clock) tick(wall lease.Time, mono int64) {
	if !c.ticking {
		c.ticking, c.began = true, mono
	}
	c.wall = wall
	c.mono = max(c.mono, mono)
	if c.synced {
		c.mark = max(c.mark, c.signed+lease.Time(c.mono-c.monoThen))
	}
}

// observeTime takes a signed time. Only a fresh one, from an answer to a request that was just sent, shows that the clock here has run
// ahead; a lease that is sent again or was imported by hand has an older time.
func (c *clock) observeTime(signed lease.Time, fresh bool) {
	ours := c.now()
	c.mark = max(c.mark, signed)
	if c.synced && signed <= c.signed || !fresh && signed <= ours {
		return
	}
	c.synced, c.signed, c.wallThen, c.monoThen = true, signed, c.wall, c.mono
}

// now returns the time that rights are checked against.
func (c *clock) now() lease.Time {
	if !c.synced {
		return max(c.wall, c.mark+lease.Time(c.mono-c.began)) // advances even if the computer's clock stands still
	}
	return c.signed + max(lease.Time(c.mono-c.monoThen), c.wall-c.wallThen)
}

// isSetBack reports whether the computer's clock is behind the mark by more than the tolerance in ms, while nothing better is known.
func (c *clock) isSetBack(tolerance int64) bool {
	return !c.synced && c.wall+lease.Time(tolerance) < c.mark
}
