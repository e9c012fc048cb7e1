package client

import (
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Durations in ms.
const (
	journalInterval = 1_000      // between two journal writes
	defaultInterval = 60_000     // between two syncs if the license gives no interval
	firstRetryDelay = 2_000      // after the first failure before there is a lease
	maxPause        = 86_400_000 // the longest, whatever a server asks for
	timerTolerance  = 2_000      // how late a timer may fire without the program's fault
	clockDrift      = 5          // between wall and monotonic clock; smaller differences set no new timer
)

// interval returns the ms between two syncs.
func (ch *chain) interval() int64 {
	if ch.current == nil || ch.current.Settings.Interval <= 0 {
		return defaultInterval
	}
	return ch.current.Settings.Interval
}

// retryDelay returns the ms to wait after a failed exchange: what the server asked for; otherwise the interval divided by the number of
// retries, with jitter so that clients do not all come back at once; before the first lease it doubles from firstRetryDelay up to
// defaultInterval.
func (ch *chain) retryDelay() int64 {
	p := &ch.problem
	switch {
	case p.RetryAt > 0:
		wait := min(max(int64(p.RetryAt-ch.c.clock.now()), 1_000), maxPause)
		return wait + ch.c.random.between(0, wait/10) // all clients were told the same time
	case p.Class == license.ClassFinal:
		return ch.interval()
	case ch.current == nil:
		wait := int64(min(firstRetryDelay<<min(ch.failures-1, 10), defaultInterval))
		return wait - ch.c.random.between(0, wait/5)
	}
	wait := max(ch.interval()/int64(max(ch.current.Settings.MaxRetries, 1)), 100)
	return wait - ch.c.random.between(0, wait/10)
}

// journalDelay returns the ms between two journal writes: a second, and longer while saves fail.
func (c *Client) journalDelay() int64 { return journalInterval << min(c.failedSaves, 6) }

// runTimers does what is due by now: ends the activation delay, starts the next sync.
func (ch *chain) runTimers() {
	if ch.delayUntil > 0 && ch.c.clock.mono >= ch.delayUntil {
		ch.delayUntil = 0
		ch.answerDelayedStarts()
	}
	if at := ch.nextSyncAt(); at > 0 && ch.c.clock.mono >= at {
		if ch.isRefillDue() {
			ch.earlySyncAt = ch.c.clock.mono
		}
		ch.retryAt, ch.syncAt = 0, 0
		ch.fire(due)
	}
}

// nextSyncAt returns the monotonic time of the next sync without a call of the program; 0: none.
func (ch *chain) nextSyncAt() int64 {
	switch {
	case !ch.c.running || !ch.isLoaded():
		return 0
	case ch.state == waiting || ch.state == ready && ch.failures > 0:
		return ch.retryAt
	case ch.isRefillDue():
		return min(ch.syncAt, max(ch.earlySyncAt+earlySyncInterval, 1))
	case ch.state == ready && ch.current != nil:
		return ch.syncAt
	}
	return 0
}

// setTimer asks the host to wake the core at the next due time, if that has changed.
func (c *Client) setTimer() {
	var at int64
	sooner := func(t int64) {
		if t > 0 && (at == 0 || t < at) {
			at = t
		}
	}
	for _, ch := range c.chains {
		sooner(ch.nextSyncAt())
		sooner(ch.delayUntil)
		if ch.current != nil && c.running {
			ends := []lease.Time{ch.current.NotAfter, ch.current.Expires}
			for _, r := range ch.current.Reservations {
				ends = append(ends, r.Until)
			}
			for _, end := range ends {
				if left := int64(end - c.clock.now()); end > 0 && left >= 0 {
					sooner(c.clock.mono + min(left+1, maxPause))
				}
			}
		}
	}
	if c.dirty {
		sooner(c.savedAt + c.journalDelay())
	}
	if at == c.wakeAt || c.wakeAt > 0 && at >= c.wakeAt-clockDrift {
		return // the timer that fires first sets the next one
	}
	c.wakeAt = at
	in := int64(-1)
	if at > 0 {
		in = max(at-c.clock.mono, 1)
	}
	c.emit(abi.Effect{Type: abi.EffectWake, In: in})
}
