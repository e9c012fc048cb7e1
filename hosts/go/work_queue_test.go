package onelicense

import (
	"slices"
	"sync"
	"testing"
)

func TestWorkQueueOrderAndClose(t *testing.T) {
	var mu sync.Mutex
	var got []int
	hold := make(chan struct{})
	b := newWorkQueue(func(batch []int) {
		<-hold
		mu.Lock()
		defer mu.Unlock()
		got = append(got, batch...)
	})
	for i := range 100 {
		b.put(i)
	}
	close(hold)
	b.waitForBatch()
	<-b.close()
	b.put(100)
	if len(got) != 100 || !slices.IsSorted(got) {
		t.Errorf("got %v", got)
	}
}
