package data

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/services"
)

// MasterKeyFile is the name of the file with the key that encrypts the products' private keys. It lies beside the database, never in it.
const MasterKeyFile = "master.key"

// masterKey returns the key from its source, or else from the file beside the database.
func (o Options) masterKey(ctx context.Context) ([]byte, error) {
	if o.MasterKey == nil {
		return loadOrCreateMasterKey(o.Dir)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the data directory: %w", err)
	}
	key, err := o.MasterKey.Key(ctx)
	if err != nil {
		return nil, &config.SettingError{Setting: "master-key", Err: err}
	}
	return key, nil
}

// previousMasterKeys returns the keys that only decrypt: the one that the current key replaces, or the one that will replace it.
func (o Options) previousMasterKeys(ctx context.Context) ([][]byte, error) {
	if o.PreviousMasterKey == nil {
		return nil, nil
	}
	key, err := o.PreviousMasterKey.Key(ctx)
	if err != nil {
		return nil, &config.SettingError{Setting: "previous-master-key", Err: err}
	}
	return [][]byte{key}, nil
}

// openKeys sets what depends on the master key: the issuer, and the secret from which the server's other keys are derived.
func (d *Data) openKeys(ctx context.Context, o Options, master []byte) error {
	previous, err := o.previousMasterKeys(ctx)
	if err != nil {
		return err
	}
	if d.Issuer, err = issuer.New(master, nil, previous...); err != nil {
		return err
	}
	d.Secret, err = serverSecret(ctx, d.Store, d.Issuer)
	return err
}

// serverSecret returns the secret that the first node to start creates and stores encrypted. The keys for challenges, webhooks and stored
// responses are derived from it and not from the master key, so that they survive a change of that.
func serverSecret(ctx context.Context, entries licensing.EntryStore, keys *issuer.Issuer) ([]byte, error) {
	const kind, name = "secret", "server"
	for {
		e, err := entries.Entry(ctx, kind, name)
		switch {
		case errors.Is(err, licensing.ErrNotFound):
			created := make([]byte, issuer.MasterKeySize)
			if _, err := rand.Read(created); err != nil {
				return nil, err
			}
			if e.Body, err = keys.SealSecret(name, created); err != nil {
				return nil, err
			}
			err = entries.CreateEntry(ctx, licensing.Entry{Kind: kind, ID: name, Revision: 1, Body: e.Body})
			if err != nil && !errors.Is(err, licensing.ErrExists) {
				return nil, fmt.Errorf("storing the server's secret: %w", err)
			}
			continue // read it back: another node may have been first
		case err != nil:
			return nil, fmt.Errorf("reading the server's secret: %w", err)
		}
		secret, reencrypted, err := keys.OpenSecret(name, e.Body)
		if err != nil {
			return nil, &config.SettingError{Setting: "master-key", Err: err}
		}
		if reencrypted != nil {
			e.Body = reencrypted
			if _, err := entries.ReplaceEntry(ctx, e); err != nil && !errors.Is(err, licensing.ErrStale) {
				return nil, fmt.Errorf("encrypting the server's secret with the current master key: %w", err)
			}
		}
		return secret, nil
	}
}

// ReencryptKeys encrypts with the current master key what is still encrypted with the previous one. It logs each product whose keys cannot
// be opened, and returns a config.SettingError when there are products and none can be: then the master key is the wrong one.
func (d *Data) ReencryptKeys(ctx context.Context, domain *services.Services, log *slog.Logger) error {
	r, err := domain.Keys.ReencryptKeys(ctx, d.Store.EachProduct)
	if err != nil {
		return fmt.Errorf("encrypting the products' keys with the current master key, after %d products: %w", r.Reencrypted, err)
	}
	if len(r.Unreadable) > 0 && len(r.Unreadable) == r.Products {
		err := fmt.Errorf("it opens the keys of none of %d products: %w", r.Products, r.Unreadable[0])
		return &config.SettingError{Setting: "master-key", Err: err}
	}
	for _, err := range r.Unreadable {
		log.Error("a product cannot sign", "error", err)
	}
	if r.Reencrypted > 0 {
		log.Info("encrypted keys with the current master key", "products", r.Reencrypted)
	}
	return nil
}

// loadOrCreateMasterKey reads the key file, or creates it when there is none.
func loadOrCreateMasterKey(directory string) ([]byte, error) {
	path := filepath.Join(directory, MasterKeyFile)
	key, err := ReadMasterKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("creating the data directory: %w", err)
	}
	if err := createMasterKey(directory, path); err != nil {
		return nil, fmt.Errorf("creating %s: %w", path, err)
	}
	return ReadMasterKey(path)
}

// ReadMasterKey reads a key file. It returns an error that wraps fs.ErrNotExist when there is none, and refuses a file of another size or
// one that other users may read.
func ReadMasterKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	// Windows has no such bits; there the directory's access list, the user's own by default, protects the key.
	if others := info.Mode().Perm() & 0o077; others != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s is readable by other users (mode %04o): set mode 0600", path, info.Mode().Perm())
	}
	if info.Size() != issuer.MasterKeySize {
		return nil, fmt.Errorf("%s is not a master key: it has %d bytes, want %d", path, info.Size(), issuer.MasterKeySize)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	return key, nil
}

// createMasterKey writes a whole key under its name in one step, and never over an existing one: after two concurrent first starts, or a
// crash, there is one key or none.
func createMasterKey(directory, path string) (err error) {
	f, err := os.CreateTemp(directory, MasterKeyFile+".*")
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
	return SyncDirectory(directory)
}
