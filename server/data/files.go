package data

import (
	"errors"
	"os"
	"runtime"
)

// SyncDirectory flushes a directory's entries to the disk. Windows cannot do that; there it does nothing.
func SyncDirectory(directory string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Exists reports whether there is anything at a path.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
