package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/store/sqlite"
	"github.com/onelicense/onelicense/server/store/storetest"
)

// proves part of S02 S05
func TestAccessContract(t *testing.T) {
	t.Parallel()
	storetest.RunAccess(t, func(t *testing.T) access.Store {
		return openAccessStore(t, filepath.Join(t.TempDir(), "data"))
	})
}

func TestEpochIsCreatedOnce(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for _, first := range []int64{1700000000, 1800000000} {
		s, err := sqlite.Open(directory)
		if err != nil {
			t.Fatal(err)
		}
		epoch, err := s.Epoch(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		if epoch.Value != 1700000000 {
			t.Errorf("epoch %d, want the first one, 1700000000", epoch.Value)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func openAccessStore(t *testing.T, directory string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
