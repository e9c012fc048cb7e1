//go:build mongo

package mongo

import (
	"testing"

	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/sqlite"
	"github.com/onelicense/onelicense/server/store/storetest"
)

// The same random operations have the same results on this store as on the store in memory.
func TestSameAsMemory(t *testing.T) {
	for seed := range uint64(12) {
		storetest.RunDifferential(t, memory.New(), openStore(t, newDatabase(t)), seed, 400)
	}
}

// The store in memory has no members; the embedded store does.
func TestAccessSameAsSQLite(t *testing.T) {
	for seed := range uint64(12) {
		embedded, err := sqlite.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = embedded.Close() })
		storetest.RunDifferentialAccess(t, embedded, openStore(t, newDatabase(t)), seed, 300)
	}
}
