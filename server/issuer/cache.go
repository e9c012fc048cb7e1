package issuer

import (
	"bytes"
	"sync"

	"github.com/onelicense/onelicense/license"
)

// cache keeps opened keyrings: opening and parsing one costs ten times as much as a signature.
type cache struct {
	mu      sync.RWMutex
	entries map[license.ID]cachedKeyring
}

type cachedKeyring struct {
	sealed []byte // the bytes that it was opened from
	ring   *keyring
}

// maxCached bounds the number of keyrings that are open in memory.
const maxCached = 1000

// lookup returns the product's keyring if it was opened from these sealed bytes; after a rotation they differ. Otherwise nil.
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
