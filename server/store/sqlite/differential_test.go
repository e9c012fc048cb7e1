package sqlite

import (
	"fmt"
	"testing"

	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/storetest"
)

// The same random operations have the same results on this store as on the store in memory.
func TestSameAsMemory(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			storetest.RunDifferential(t, memory.New(), openStore(t, t.TempDir()), seed, 400)
		})
	}
}
