package issuer

import (
	"bytes"
	"sync"

	"github.com/onelicense/onelicense/license"
)

// cache keeps opened keys: to open and parse them costs ten times what a signature does.
type cache struct {
	mu      sync.RWMutex
	entries map[license.ID]cachedKeyring
}

type cachedKeyring struct {
	sealed []byte // what it was opened from
	ring   *keyring
}

// maxCached bounds how many private keys lie open in memory.
const maxCached = 1000

// lookup finds the product's keys as they are now: after a rotation what is sealed is another.
func (c *cache) lookup(product license.ID, sealed []byte) *keyring {
	c.mu.RLock()
	o := c.entries[product]
	c.mu.RUnlock()
	if !bytes.Equal(o.sealed, sealed) {
		return nil
	}
	return o.ring
}

func (c *cache) store(product license.ID, sealed []byte, r *keyring) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxCached {
		c.entries = map[license.ID]cachedKeyring{}
	}
	c.entries[product] = cachedKeyring{sealed, r}
}
