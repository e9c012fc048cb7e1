package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/onelicense/onelicense/server/issuer"
)

// masterKeyFile holds the key that seals the products' private keys. It lies beside the database and never inside it.
const masterKeyFile = "master.key"

// masterKey reads the key, or makes it when there is none.
func masterKey(directory string) ([]byte, error) {
	path := filepath.Join(directory, masterKeyFile)
	key, err := readMasterKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	if err := makeMasterKey(directory, path); err != nil {
		return nil, fmt.Errorf("making %s: %w", path, err)
	}
	return readMasterKey(path)
}

func readMasterKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	// Windows has no such bits; there the directory's access list, the user's own by default, protects the key.
	if others := info.Mode().Perm() & 0o077; others != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s may be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	if info.Size() != issuer.MasterKeySize {
		return nil, fmt.Errorf("%s has %d bytes, not %d: it is not a master key", path, info.Size(), issuer.MasterKeySize)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	return key, nil
}

// makeMasterKey puts the whole key under its name at once, and never over another one: of two first starts at a time, and after a crash,
// there is one key or none.
func makeMasterKey(directory, path string) (err error) {
	f, err := os.CreateTemp(directory, masterKeyFile+".*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	key := make([]byte, issuer.MasterKeySize)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	_, err = f.Write(key)
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return flushDirectory(directory)
}

// flushDirectory makes sure that what a directory lists is on the disk.
func flushDirectory(directory string) error {
	if runtime.GOOS == "windows" {
		return nil // which cannot
	}
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
