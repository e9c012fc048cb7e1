package onelicense

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

// Storage stores the state of one installation. The client calls it from one goroutine at a time.
type Storage interface {
	// Load returns the state that was saved last; empty if there is none.
	Load() (string, error)
	// Save replaces the state: when it returns nil, the new state survives a power cut, and at any time either the old or the new one is
	// there.
	Save(state string) error
	// Close releases the storage for another client.
	Close() error
}

// Directory is a Storage in a private directory: the file state, and the file lock, which is held while it is open.
type Directory struct {
	path string
	lock *os.File
}

// OpenDirectory opens the storage at path and makes the directory if it is missing. A directory that another client holds, in this
// process or another, is refused with in_use; one that cannot be used with storage_failed.
func OpenDirectory(path string) (*Directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, newError(license.CodeStorageFailed, "%v", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, newError(license.CodeStorageFailed, "locking: %v", err)
	}
	if held, err := lockFile(lock); err != nil {
		return nil, newError(license.CodeStorageFailed, "locking: %v", errors.Join(err, lock.Close()))
	} else if !held {
		_ = lock.Close() // nothing was written
		return nil, newError(license.CodeInUse, "%s", path)
	}
	return &Directory{path, lock}, nil
}

// Load implements Storage.
func (d *Directory) Load() (string, error) {
	info, err := os.Stat(d.file())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil && info.Size() > abi.MaxCall/2 {
		err = fmt.Errorf("%s has %d bytes, more than any state", d.file(), info.Size())
	}
	if err != nil {
		return "", err
	}
	state, err := os.ReadFile(d.file())
	return string(state), err
}

// Save implements Storage. It writes a new file and renames it over the old one; each step is on the disk before the next begins.
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

// Close implements Storage.
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
