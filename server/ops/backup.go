// Package ops does what an operator runs beside a server or instead of it: backup and restore, diagnostics, a link for another
// organisation, and the end of the freeze after a restore. Every function opens the data by itself.
package ops

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// BackupOptions names what to back up, and where to. All but IncludeMasterKey are required.
type BackupOptions struct {
	Data, To         string // directories
	IncludeMasterKey bool   // whoever has database and master key has the products' private keys
	Program          string // named in the manifest
	Now              func() time.Time
}

// Backup writes a consistent copy of an embedded database into a new directory, also while a server runs on it. The copy is a snapshot that
// contains every change acknowledged before the backup began.
func Backup(ctx context.Context, o BackupOptions) (m Manifest, err error) {
	source, err := sqlite.OpenReadOnly(o.Data)
	if err != nil {
		return m, fmt.Errorf("opening the data: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if err := requireEmpty(o.To); err != nil {
		return m, err
	}
	if err := os.MkdirAll(o.To, 0o700); err != nil {
		return m, err
	}
	if err := source.Copy(ctx, filepath.Join(o.To, sqlite.File)); err != nil {
		return m, err
	}
	m = Manifest{Type: ManifestType, Created: o.Now().UTC().Truncate(time.Second), Program: o.Program}
	if err := m.inspect(ctx, o.To); err != nil {
		return m, fmt.Errorf("the copy: %w", err)
	}
	if err := m.addFile(o.To, sqlite.File); err != nil {
		return m, err
	}
	if o.IncludeMasterKey {
		key, err := data.ReadMasterKey(filepath.Join(o.Data, data.MasterKeyFile))
		if err != nil {
			return m, err
		}
		if err := writeFile(filepath.Join(o.To, data.MasterKeyFile), key); err != nil {
			return m, err
		}
		if err := m.addFile(o.To, data.MasterKeyFile); err != nil {
			return m, err
		}
	}
	return m, m.write(o.To)
}

// inspect checks the copy and reads schema version and epoch from it, not from the source, which has changed since.
func (m *Manifest) inspect(ctx context.Context, directory string) (err error) {
	copied, err := sqlite.OpenReadOnly(directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	if err := copied.Check(ctx); err != nil {
		return err
	}
	if m.Schema, _, err = copied.SchemaVersion(ctx); err != nil {
		return err
	}
	epoch, err := copied.CurrentEpoch(ctx)
	m.Epoch = epoch.Value
	return err
}

// requireEmpty returns an error unless the directory is missing or has nothing in it but the allowed names.
func requireEmpty(directory string, allowed ...string) error {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains(allowed, e.Name()) {
			return fmt.Errorf("%s is not empty, it contains %s: nothing is overwritten; choose another directory", directory, e.Name())
		}
	}
	return nil
}
