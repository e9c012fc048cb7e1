package onelicense

import "sync"

// workQueue passes items to one goroutine in order, all that have come together in one batch. Adding an item never waits.
type workQueue[T any] struct {
	mu     sync.Mutex
	moved  sync.Cond
	items  []T
	busy   bool // a batch is being processed
	closed bool
	done   chan struct{} // closed when the last item was processed
}

// newWorkQueue starts the goroutine, which calls work with each batch.
func newWorkQueue[T any](work func([]T)) *workQueue[T] {
	b := &workQueue[T]{done: make(chan struct{})}
	b.moved.L = &b.mu
	go b.run(work)
	return b
}

func (b *workQueue[T]) run(work func([]T)) {
	defer close(b.done)
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for len(b.items) == 0 && !b.closed {
			b.moved.Wait()
		}
		if len(b.items) == 0 {
			return
		}
		batch := b.items
		b.items, b.busy = nil, true
		b.moved.Broadcast()
		b.mu.Unlock()
		work(batch)
		b.mu.Lock()
		b.busy = false
		b.moved.Broadcast()
	}
}

func (b *workQueue[T]) put(item T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.items = append(b.items, item)
		b.moved.Broadcast()
	}
}

// waitForBatch waits while items are queued behind a batch that is being processed, so that a fast producer does not run ahead without
// limit.
func (b *workQueue[T]) waitForBatch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.busy && len(b.items) > 0 {
		b.moved.Wait()
	}
}

// close accepts no more items; done is closed when all earlier ones are processed.
func (b *workQueue[T]) close() (done <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.moved.Broadcast()
	return b.done
}
