package sqlite

import (
	"sync"
	"sync/atomic"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// licenseCache keeps what a sync needs to know of a license, as long as nobody edits anything. That is right here because this process
// alone writes the data: every edit raises the edition after its COMMIT and before its caller has an answer.
type licenseCache struct {
	edition atomic.Int64
	mu      sync.RWMutex
	known   map[license.ID]cachedLicense
}

type cachedLicense struct {
	edition int64
	context licensing.LicenseContext
}

// maxCachedLicenses is when the cache starts anew: some tens of megabytes.
const maxCachedLicenses = 10_000

func (c *licenseCache) lookup(id license.ID) (terms licensing.LicenseContext, edition int64, ok bool) {
	edition = c.edition.Load()
	c.mu.RLock()
	e, ok := c.known[id]
	c.mu.RUnlock()
	return e.context, edition, ok && e.edition == edition
}

// store remembers terms that were read after the edition was.
func (c *licenseCache) store(id license.ID, terms licensing.LicenseContext, edition int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxCachedLicenses {
		c.known = map[license.ID]cachedLicense{}
	}
	c.known[id] = cachedLicense{edition, terms}
}
