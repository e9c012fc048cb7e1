package sqlite

import (
	"sync"
	"sync/atomic"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// termsCache keeps what a sync needs to know of a license, as long as nobody edits anything. That is right here because this process
// alone writes the data: every edit raises the edition after its COMMIT and before its caller has an answer.
type termsCache struct {
	edition atomic.Int64
	mu      sync.RWMutex
	known   map[license.ID]edited
}

type edited struct {
	edition int64
	terms   licensing.Terms
}

// enough is when the cache starts anew: some tens of megabytes.
const enough = 10_000

func (c *termsCache) lookup(id license.ID) (terms licensing.Terms, edition int64, ok bool) {
	edition = c.edition.Load()
	c.mu.RLock()
	e, ok := c.known[id]
	c.mu.RUnlock()
	return e.terms, edition, ok && e.edition == edition
}

// keep remembers terms that were read after the edition was.
func (c *termsCache) keep(id license.ID, terms licensing.Terms, edition int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= enough {
		c.known = map[license.ID]edited{}
	}
	c.known[id] = edited{edition, terms}
}
