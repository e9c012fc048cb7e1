//go:build mongo

package mongo

import (
	"testing"

	"github.com/onelicense/onelicense/server/store/memory"
	"github.com/onelicense/onelicense/server/store/sqlite"
	"github.com/onelicense/onelicense/server/store/storetest"
)

// What is done to the plainest store, done to this one, has the same answers.
func TestSameAsMemory(t *testing.T) {
	for seed := range uint64(12) {
		storetest.RunDifferential(t, memory.New(), openStore(t, newDatabase(t)), seed, 400)
	}
}

// The plainest store knows no people; the embedded one does.
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
