package onelicense

import "time"

// Clock is the client's source of time and timers.
type Clock interface {
	// Now returns the time of day.
	Now() time.Time
	// Monotonic returns the time since an origin that stays the same for the whole process.
	Monotonic() time.Duration
	// AfterFunc calls f in its own goroutine after d. stop keeps f from being called if that has not begun.
	AfterFunc(d time.Duration, f func()) (stop func())
}

type systemClock struct{}

var processStart = time.Now()

func (systemClock) Now() time.Time           { return time.Now() }
func (systemClock) Monotonic() time.Duration { return time.Since(processStart) }
func (systemClock) AfterFunc(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}
