package sqlite

import (
	"sync"
	"sync/atomic"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// licenseCache keeps the license contexts that syncs read, until the next edit of anything. It is correct because only this process writes
// the data: each edit raises the edition after its COMMIT and before its caller gets a reply.
type licenseCache struct {
	edition atomic.Int64
	mu      sync.RWMutex
	known   map[license.ID]cachedLicense
}

type cachedLicense struct {
	edition int64
	context licensing.LicenseContext
}

// maxCachedLicenses is the number of licenses at which the cache is emptied: some tens of megabytes.
const maxCachedLicenses = 10_000

func (c *licenseCache) lookup(id license.ID) (terms licensing.LicenseContext, edition int64, ok bool) {
	edition = c.edition.Load()
	c.mu.RLock()
	e, ok := c.known[id]
	c.mu.RUnlock()
	return e.context, edition, ok && e.edition == edition
}

// store caches a license context that was read after the edition.
func (c *licenseCache) store(id license.ID, terms licensing.LicenseContext, edition int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxCachedLicenses {
		c.known = map[license.ID]cachedLicense{}
	}
	c.known[id] = cachedLicense{edition, terms}
}
