package onelicense

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/onelicense/onelicense/license"
)

// proves C18
func TestStorageReplacesTheState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	d, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if state, err := d.Load(); state != "" || err != nil {
		t.Fatalf("empty: %q, %v", state, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state.new"), []byte("left by a crash, longer than what comes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"one", "two"} {
		if err := d.Save(state); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Load(); got != state || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, state)
		}
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "state": 0o600, "lock": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, info.Mode().Perm(), err)
		}
	}
	_, err = OpenDirectory(dir)
	wantCode(t, err, license.CodeInUse)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, err = OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := d.Save("three"); err == nil {
		t.Error("saved into nowhere")
	}
}

func TestStorageErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenDirectory(filepath.Join(file, "below"))
	wantCode(t, err, license.CodeStorageFailed)
}
