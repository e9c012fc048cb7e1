package client

import "github.com/onelicense/onelicense/license/lease"

// clock tells the time that rights are judged by. The computer's clock is believed only as far as nothing better is known: once an
// answer was verified in this process, time is the server's, carried on by the larger of the two local steps, so that neither a
// clock set back nor a suspended laptop gains anything. The mark is the highest such time; it is raised by signed times and monotonic steps
// only, so a clock that is set forward by accident and back again does no harm.
type clock struct {
	wall lease.Time // of the present event
	mono int64
	mark lease.Time // kept in the snapshot

	ticking  bool
	began    int64 // mono at the first event
	synced   bool
	signed   lease.Time // the last signed time, and both clocks at its arrival
	wallThen lease.Time
	monoThen int64
}

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

// observeTime takes a signed time. Only a fresh one, of an answer that was made for a request just sent, can tell that our own has run ahead;
// a lease that is given again, or was carried by hand, is of some time ago.
func (c *clock) observeTime(signed lease.Time, fresh bool) {
	ours := c.now()
	c.mark = max(c.mark, signed)
	if c.synced && signed <= c.signed || !fresh && signed <= ours {
		return
	}
	c.synced, c.signed, c.wallThen, c.monoThen = true, signed, c.wall, c.mono
}

func (c *clock) now() lease.Time {
	if !c.synced {
		return max(c.wall, c.mark+lease.Time(c.mono-c.began)) // also where the computer's clock stands still
	}
	return c.signed + max(lease.Time(c.mono-c.monoThen), c.wall-c.wallThen)
}

// isSetBack tells whether the computer's clock is behind the mark by more than the tolerance and nothing better is known.
func (c *clock) isSetBack(tolerance int64) bool {
	return !c.synced && c.wall+lease.Time(tolerance) < c.mark
}
