package mongo

import (
	"sync"
	"time"
)

// fullBucketCache remembers the buckets that this node has just found full, so that in a large pool, most of whose buckets are, not every request
// reads its home bucket for nothing. It is only advice on where to look first: a seat that became free meanwhile is found by the search.
type fullBucketCache struct {
	mu    sync.Mutex
	until map[string]time.Time // by bucket
}

const (
	fullBucketTTL  = time.Second
	maxFullBuckets = 4096 // buckets that are remembered
)

func (c *fullBucketCache) add(bucket string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until == nil || len(c.until) >= maxFullBuckets {
		c.until = map[string]time.Time{}
	}
	c.until[bucket] = now.Add(fullBucketTTL)
}

func (c *fullBucketCache) contains(bucket string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, known := c.until[bucket]
	return known && now.Before(until)
}

// remove is called when a seat was given back.
func (c *fullBucketCache) remove(bucket string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.until, bucket)
}
