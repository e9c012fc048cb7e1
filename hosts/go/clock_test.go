package onelicense

import (
	"sync"
	"time"
)

// hand is a clock that a test moves.
type hand struct {
	mu     sync.Mutex
	now    time.Duration
	start  time.Time
	timers []*handTimer
}

type handTimer struct {
	at time.Duration
	f  func()
}

func newHand() *hand { return &hand{start: time.Now(), now: time.Hour} }

func (h *hand) Now() time.Time           { return h.start.Add(h.Monotonic() - time.Hour) }
func (h *hand) Monotonic() time.Duration { h.mu.Lock(); defer h.mu.Unlock(); return h.now }

func (h *hand) AfterFunc(d time.Duration, f func()) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d <= 0 { // its time came while nobody looked
		go f()
		return func() {}
	}
	t := &handTimer{h.now + d, f}
	h.timers = append(h.timers, t)
	return func() { h.mu.Lock(); t.f = nil; h.mu.Unlock() }
}

// move lets time pass and runs what is due.
func (h *hand) move(d time.Duration) {
	h.mu.Lock()
	h.now += d
	var due []func()
	var rest []*handTimer
	for _, t := range h.timers {
		switch {
		case t.f == nil:
		case t.at <= h.now:
			due = append(due, t.f)
		default:
			rest = append(rest, t)
		}
	}
	h.timers = rest
	h.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// waiting tells whether a timer is set.
func (h *hand) waiting() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.timers {
		if t.f != nil {
			return true
		}
	}
	return false
}
