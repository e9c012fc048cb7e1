package sqlite

import (
	"testing"

	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/storetest"
)

// What is done to the plainest store, done to this one, has the same answers.
func TestSameAsMemory(t *testing.T) {
	for seed := range uint64(12) {
		storetest.RunDifferential(t, memory.New(), openStore(t, t.TempDir()), seed, 400)
	}
}
