package access

import (
	"sync"
	"time"
)

// How often one may be wrong. The first pair slows down guessing one person's password, the second trying many people's; a person who
// mistypes meets neither. They are kept per e-mail and address together, so that nobody can lock another out from elsewhere.
const (
	guessWindow     = 15 * time.Minute
	guessesPerEmail = 10
	guessesPerPlace = 100
	guessEntries    = 10_000
)

// guesses counts failed logins in this process's memory. Several nodes each count for themselves; a shared count comes with the store
// that several nodes share.
type guesses struct {
	mu      sync.Mutex
	entries map[guess]tally
}

// guess is what is counted: a pair of e-mail and address, or, with no e-mail, an address.
type guess struct{ email, address string }

type tally struct {
	failed int
	since  time.Time
}

func newGuesses() *guesses { return &guesses{entries: map[guess]tally{}} }

// wait tells how long the next try must wait; 0: it may go ahead.
func (g *guesses) wait(email, address string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	longest := time.Duration(0)
	for key, most := range map[guess]int{{email, address}: guessesPerEmail, {"", address}: guessesPerPlace} {
		t, ok := g.entries[key]
		if left := t.since.Add(guessWindow).Sub(now); ok && t.failed >= most && left > longest {
			longest = left
		}
	}
	return longest
}

// failed counts a wrong try, and succeeded forgets those of the person. A try counts before its outcome is known, so that many at once
// do not all slip through: Login calls failed first and succeeded when it was not.
func (g *guesses) failed(email, address string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.entries) >= guessEntries {
		g.tidy(now)
	}
	for _, key := range []guess{{email, address}, {"", address}} {
		t, ok := g.entries[key]
		if !ok || now.Sub(t.since) >= guessWindow {
			t = tally{since: now}
		}
		t.failed++
		g.entries[key] = t
	}
}

func (g *guesses) succeeded(email, address string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.entries, guess{email, address})
	if t, ok := g.entries[guess{"", address}]; ok {
		t.failed--
		g.entries[guess{"", address}] = t
	}
}

// tidy bounds the memory: first what has run out goes, then, under an attack from very many addresses, everything. Losing the counts
// is better than refusing everybody.
func (g *guesses) tidy(now time.Time) {
	for key, t := range g.entries {
		if now.Sub(t.since) >= guessWindow {
			delete(g.entries, key)
		}
	}
	if len(g.entries) >= guessEntries {
		clear(g.entries)
	}
}
