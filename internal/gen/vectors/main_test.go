package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed vectors are those that the generator writes, except for the ones that GnuPG made.
func TestCommittedVectorsAreUpToDate(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "spec", "vectors", "license")
	keyrings, vectors := cases()
	files := keyrings
	for _, v := range vectors {
		files[v.Name+".txt"] = v.bytes
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: run go run ./internal/gen/vectors (%v)", name, err)
		}
	}
}
