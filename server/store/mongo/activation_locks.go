package mongo

import (
	"context"
	"sync"
)

// keyedMutex lets one request at a time work on an activation in this process. Correctness does not depend on it: it keeps requests of one
// node from meeting each other's unfinished work.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[string]*keyLock
}

type keyLock struct {
	available chan struct{} // holds one token while the lock is free
	waiting   int
}

// lock waits for the lock of the id and returns the function that unlocks it.
func (t *keyedMutex) lock(ctx context.Context, id string) (func(), error) {
	t.mu.Lock()
	if t.locks == nil {
		t.locks = map[string]*keyLock{}
	}
	mine, ok := t.locks[id]
	if !ok {
		mine = &keyLock{available: make(chan struct{}, 1)}
		mine.available <- struct{}{}
		t.locks[id] = mine
	}
	mine.waiting++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.waiting--; mine.waiting == 0 {
			delete(t.locks, id)
		}
	}
	select {
	case <-mine.available:
		return func() { mine.available <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
