package issuer

import (
	"bytes"
	"sync"

	"github.com/onelicense/onelicense/license"
)

// cache keeps opened keys: to open and parse them costs ten times what a signature does.
type cache struct {
	mu    sync.RWMutex
	known map[license.ID]opened
}

type opened struct {
	sealed []byte // what it was opened from
	ring   *ring
}

// enough bounds how many private keys lie open in memory.
const enough = 1000

// lookup finds the product's keys as they are now: after a rotation what is sealed is another.
func (c *cache) lookup(product license.ID, sealed []byte) *ring {
	c.mu.RLock()
	o := c.known[product]
	c.mu.RUnlock()
	if !bytes.Equal(o.sealed, sealed) {
		return nil
	}
	return o.ring
}

func (c *cache) keep(product license.ID, sealed []byte, r *ring) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= enough {
		c.known = map[license.ID]opened{}
	}
	c.known[product] = opened{sealed, r}
}
