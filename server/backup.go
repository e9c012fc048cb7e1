package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/onelicense/onelicense/server/store/sqlite"
)

// BackupConfig is what to keep, and where.
type BackupConfig struct {
	Data, To         string // directories
	IncludeMasterKey bool   // keep the master key too: who has both has the products' private keys
	Program          string // named in the manifest
	Now              func() time.Time
}

// Backup writes a consistent copy of an embedded database into a new directory, also while a server runs on it. The copy is the data of one
// moment: every change that was acknowledged before the backup began is in it.
func Backup(ctx context.Context, c BackupConfig) (m Manifest, err error) {
	source, err := sqlite.OpenReadOnly(c.Data)
	if err != nil {
		return m, fmt.Errorf("opening the data: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if err := requireEmpty(c.To); err != nil {
		return m, err
	}
	if err := os.MkdirAll(c.To, 0o700); err != nil {
		return m, err
	}
	if err := source.Copy(ctx, filepath.Join(c.To, sqlite.File)); err != nil {
		return m, err
	}
	m = Manifest{Type: ManifestType, Created: c.Now().UTC().Truncate(time.Second), Program: c.Program}
	if err := m.inspect(ctx, c.To); err != nil {
		return m, fmt.Errorf("the copy: %w", err)
	}
	if err := m.addFile(c.To, sqlite.File); err != nil {
		return m, err
	}
	if c.IncludeMasterKey {
		key, err := readMasterKey(filepath.Join(c.Data, masterKeyFile))
		if err != nil {
			return m, err
		}
		if err := writeFile(filepath.Join(c.To, masterKeyFile), key); err != nil {
			return m, err
		}
		if err := m.addFile(c.To, masterKeyFile); err != nil {
			return m, err
		}
	}
	return m, m.write(c.To)
}

// inspect reads from the copy itself what the manifest says of it: the source has gone on meanwhile.
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

// requireEmpty tells why a directory cannot be filled: it must be new or empty, but for what may be there.
func requireEmpty(directory string, but ...string) error {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains(but, e.Name()) {
			return fmt.Errorf("%s is not empty (there is %s): nothing is overwritten, name another directory", directory, e.Name())
		}
	}
	return nil
}
