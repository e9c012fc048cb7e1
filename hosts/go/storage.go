package onelicense

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Storage keeps the state of one installation. The client calls it from one goroutine at a time.
type Storage interface {
	// Load gives what was saved last; empty when nothing was.
	Load() (string, error)
	// Save replaces it: when it returns nil, the new state survives a power cut, and at no time is there neither the old nor the new.
	Save(state string) error
	// Close lets another client have the storage.
	Close() error
}

// Directory is the Storage in a private directory: the file state, and the file lock, held while it is open.
type Directory struct {
	path string
	lock *flock.Flock
}

// OpenDirectory opens the storage at path and makes the directory if it is missing. A directory that another client holds, in this
// process or another, is refused with in_use; one that cannot be used with storage_failed.
func OpenDirectory(path string) (*Directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, newError(license.CodeStorageFailed, "%v", err)
	}
	lock := flock.New(filepath.Join(path, "lock"), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, newError(license.CodeStorageFailed, "locking: %v", err)
	case !held:
		return nil, newError(license.CodeInUse, "%s", path)
	}
	return &Directory{path, lock}, nil
}

func (d *Directory) Load() (string, error) {
	info, err := os.Stat(d.file())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil && info.Size() > abi.MaxCall/2 {
		err = fmt.Errorf("%s has %d bytes, which no state has", d.file(), info.Size())
	}
	if err != nil {
		return "", err
	}
	state, err := os.ReadFile(d.file())
	return string(state), err
}

// Save writes a new file beside the old one and renames it over: each step is on the disk before the next begins.
func (d *Directory) Save(state string) (err error) {
	fresh := d.file() + ".new" // a fixed name: the lock keeps others away, and what a crash left is overwritten
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(state)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := os.Rename(fresh, d.file()); err != nil {
		return err
	}
	return syncDirectory(d.path)
}

func (d *Directory) Close() error { return d.lock.Close() }

func (d *Directory) file() string { return filepath.Join(d.path, "state") }

func syncDirectory(path string) error {
	if runtime.GOOS == "windows" {
		return nil // there a directory cannot be synced, and need not be
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
