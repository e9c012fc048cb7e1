package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
)

// masterKeyFile holds the key that seals the products' private keys. It lies beside the database and never inside it.
const masterKeyFile = "master.key"

// masterKey is the key that everything is sealed with: from where it is kept, or else from its file beside the database.
func (c Config) masterKey(ctx context.Context) ([]byte, error) {
	if c.MasterKey == nil {
		return loadOrCreateMasterKey(c.Data)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	key, err := c.MasterKey.Key(ctx)
	if err != nil {
		return nil, &SettingError{"master-key", err}
	}
	return key, nil
}

// previousMasterKeys only open what is sealed: the one that the present one takes the place of, or that will take its place.
func (c Config) previousMasterKeys(ctx context.Context) ([][]byte, error) {
	if c.PreviousMasterKey == nil {
		return nil, nil
	}
	key, err := c.PreviousMasterKey.Key(ctx)
	if err != nil {
		return nil, &SettingError{"other-master-key", err}
	}
	return [][]byte{key}, nil
}

// openKeys gives what rests on the master key: the issuer, and the secret from which the server's other keys are made.
func (c Config) openKeys(ctx context.Context, entries licensing.Entries, master []byte) (keys *issuer.Issuer, secret []byte, err error) {
	others, err := c.previousMasterKeys(ctx)
	if err != nil {
		return nil, nil, err
	}
	if keys, err = issuer.New(master, nil, others...); err != nil {
		return nil, nil, err
	}
	secret, err = serverSecret(ctx, entries, keys)
	return keys, secret, err
}

// serverSecret is made once, by the first node that starts, and lies sealed in the store. The keys for challenges, webhooks and answers are
// made from it and not from the master key, so that they stay when that changes.
func serverSecret(ctx context.Context, entries licensing.Entries, keys *issuer.Issuer) ([]byte, error) {
	const kind, name = "secret", "server"
	for {
		e, err := entries.Entry(ctx, kind, name)
		switch {
		case errors.Is(err, licensing.ErrNotFound):
			made := make([]byte, issuer.MasterKeySize)
			if _, err := rand.Read(made); err != nil {
				return nil, err
			}
			if e.Body, err = keys.SealSecret(name, made); err != nil {
				return nil, err
			}
			err = entries.CreateEntry(ctx, licensing.Entry{Kind: kind, ID: name, Revision: 1, Body: e.Body})
			if err != nil && !errors.Is(err, licensing.ErrExists) {
				return nil, fmt.Errorf("keeping the server's secret: %w", err)
			}
			continue // read what is there now: another node may have been first
		case err != nil:
			return nil, fmt.Errorf("reading the server's secret: %w", err)
		}
		secret, anew, err := keys.OpenSecret(name, e.Body)
		if err != nil {
			return nil, &SettingError{"master-key", err}
		}
		if anew != nil {
			e.Body = anew
			if _, err := entries.ReplaceEntry(ctx, e); err != nil && !errors.Is(err, licensing.ErrStale) {
				return nil, fmt.Errorf("sealing the server's secret anew: %w", err)
			}
		}
		return secret, nil
	}
}

// reencryptKeys brings what is sealed under another key at hand under the present one. A server that can open nothing has the wrong key, and does
// not start.
func (s *Server) reencryptKeys(ctx context.Context) error {
	r, err := s.domain.Keys.ReencryptKeys(ctx, s.store.EachProduct)
	if err != nil {
		return fmt.Errorf("sealing the products' keys under the present master key, of which %d are done: %w", r.Reencrypted, err)
	}
	if len(r.Unreadable) > 0 && len(r.Unreadable) == r.Products {
		return &SettingError{"master-key", fmt.Errorf("it opens the keys of none of %d products: %w", r.Products, r.Unreadable[0])}
	}
	for _, err := range r.Unreadable {
		s.config.Log.Error("a product cannot sign", "error", err)
	}
	if r.Reencrypted > 0 {
		s.config.Log.Info("sealed keys anew under the present master key", "products", r.Reencrypted)
	}
	return nil
}

// loadOrCreateMasterKey reads the key, or makes it when there is none.
func loadOrCreateMasterKey(directory string) ([]byte, error) {
	path := filepath.Join(directory, masterKeyFile)
	key, err := readMasterKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	if err := createMasterKey(directory, path); err != nil {
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

// createMasterKey puts the whole key under its name at once, and never over another one: of two first starts at a time, and after a crash,
// there is one key or none.
func createMasterKey(directory, path string) (err error) {
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
	return syncDirectory(directory)
}

// syncDirectory makes sure that what a directory lists is on the disk.
func syncDirectory(directory string) error {
	if runtime.GOOS == "windows" {
		return nil // which cannot
	}
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
