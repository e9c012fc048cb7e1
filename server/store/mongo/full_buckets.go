package mongo

import (
	"sync"
	"time"
)

// fullBucketCache remembers buckets that this node has just found full. In a large pool most buckets are full, and not every request should
// read its preferred bucket in vain. The cache only decides where to look first: the search finds a seat that has become free meanwhile.
type fullBucketCache struct {
	mu    sync.Mutex
	until map[string]time.Time // by bucket
}

const (
	fullBucketTTL  = time.Second
	maxFullBuckets = 4096 // number of buckets at which the cache is emptied
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

// remove is called when a seat was released.
func (c *fullBucketCache) remove(bucket string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.until, bucket)
}
