package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// RestoreOptions names a backup, and where its data goes.
type RestoreOptions struct {
	From, Data string // directories of the backup and of the new server
	Mongo      string // mongodb:// address of a database that MongoDB's own tools have restored; From is empty then
	MasterKey  string // file with the master key; empty: KeySource's, or else the backup's, or the one that lies in Data already
	Now        func() time.Time

	KeySource, PreviousKeySource masterkey.Source // where the server will get its keys from; nil: from a file in Data, and none
}

// stagingDir is the directory within the data directory in which the data is prepared. An interrupted restore leaves it, and no database.
const stagingDir = "restoring"

// Restore puts a verified backup into a new data directory and begins a new epoch, which it returns. The database gets its final name last,
// so a server never opens one whose epoch was not raised; a server that is started meanwhile is refused.
func Restore(ctx context.Context, o RestoreOptions) (m Manifest, epoch int64, err error) {
	if o.Mongo != "" {
		epoch, err = o.finishMongoRestore(ctx)
		return m, epoch, err
	}
	if m, err = ReadManifest(o.From); err != nil {
		return m, 0, err
	}
	if !m.Contains(sqlite.File) {
		return m, 0, fmt.Errorf("the backup in %s contains no database", o.From)
	}
	if err := o.requireEmpty(); err != nil {
		return m, 0, err
	}
	key, err := o.key(m)
	if err != nil {
		return m, 0, err
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return m, 0, err
	}
	lock, err := sqlite.AcquireLock(o.Data)
	if err != nil {
		return m, 0, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := o.requireEmpty(); err != nil { // a server may have run there in between
		return m, 0, err
	}
	epoch, err = o.restoreFiles(ctx, key)
	return m, epoch, err
}

// finishMongoRestore prepares a database that MongoDB's own tools have restored.
func (o RestoreOptions) finishMongoRestore(ctx context.Context) (epoch int64, err error) {
	d := data.Options{Dir: o.Data, Mongo: o.Mongo, MasterKey: o.KeySource, PreviousMasterKey: o.PreviousKeySource}
	if o.MasterKey != "" {
		key, err := data.ReadMasterKey(o.MasterKey)
		if err != nil {
			return 0, err
		}
		d.MasterKey = masterkey.Static(key)
	}
	return beginEpoch(ctx, d, o.Now)
}

// requireEmpty returns an error when the data directory holds anything that a restore must not overwrite.
func (o RestoreOptions) requireEmpty() error {
	return requireEmpty(o.Data, data.MasterKeyFile, stagingDir, sqlite.LockFile)
}

// restoreFiles prepares the data in the staging directory and moves it into the data directory. A nil key is not written.
func (o RestoreOptions) restoreFiles(ctx context.Context, key []byte) (epoch int64, err error) {
	staging := filepath.Join(o.Data, stagingDir)
	if err := os.RemoveAll(staging); err != nil {
		return 0, err
	}
	if err := os.Mkdir(staging, 0o700); err != nil {
		return 0, err
	}
	files, opened := []string{sqlite.File}, data.Options{Dir: staging, PreviousMasterKey: o.PreviousKeySource}
	if key == nil {
		opened.MasterKey = o.KeySource
	} else if err := writeFile(filepath.Join(staging, data.MasterKeyFile), key); err != nil {
		return 0, err
	} else {
		files = []string{data.MasterKeyFile, sqlite.File}
	}
	if err := copyFile(filepath.Join(o.From, sqlite.File), filepath.Join(staging, sqlite.File)); err != nil {
		return 0, err
	}
	if epoch, err = beginEpoch(ctx, opened, o.Now); err != nil {
		return 0, err
	}
	if err := sqlite.Checkpoint(staging); err != nil { // only the database file is moved, without its write-ahead log
		return 0, err
	}
	for _, name := range files {
		if err := os.Rename(filepath.Join(staging, name), filepath.Join(o.Data, name)); err != nil {
			return 0, err
		}
		if err := data.SyncDirectory(o.Data); err != nil {
			return 0, err
		}
	}
	return epoch, os.RemoveAll(staging)
}

// key returns the master key that the backup's data is encrypted with; nil when it is not to be stored beside the data.
func (o RestoreOptions) key(m Manifest) ([]byte, error) {
	switch existing := filepath.Join(o.Data, data.MasterKeyFile); {
	case o.MasterKey != "":
		return data.ReadMasterKey(o.MasterKey)
	case o.KeySource != nil:
		return nil, nil
	case m.Contains(data.MasterKeyFile):
		return data.ReadMasterKey(filepath.Join(o.From, data.MasterKeyFile))
	case data.Exists(existing):
		return data.ReadMasterKey(existing)
	}
	return nil, errors.New("the backup does not contain the master key: name the file with your separate copy; " +
		"the products' private keys are encrypted with it")
}

// beginEpoch prepares a restored database before a server runs on it: it migrates the schema, tries the master key on every product, and
// begins a new epoch. Programs then know which answers are from before; nothing new is granted until the leases that the records do not
// know have expired, or EndFreeze.
func beginEpoch(ctx context.Context, o data.Options, now func() time.Time) (epoch int64, err error) {
	if o.MasterKey == nil && !data.Exists(filepath.Join(o.Dir, data.MasterKeyFile)) {
		return 0, fmt.Errorf("there is no %s in %s", data.MasterKeyFile, o.Dir)
	}
	if err := data.RequireExisting(ctx, o); err != nil {
		return 0, err
	}
	d, err := data.Open(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.Store.Close()) }()
	domain, err := d.Licensing(now, nil)
	if err != nil {
		return 0, err
	}
	if err := d.Store.EachProduct(ctx, canDecrypt(d.Issuer)); err != nil {
		return 0, err
	}
	raised, err := domain.Leasing.RaiseEpoch(ctx)
	if err != nil {
		return 0, err
	}
	// Without a log of its own: an entry that was lost with the changes after the backup cannot be repeated.
	log := audit.New(d.Store, now, slog.New(slog.DiscardHandler))
	return raised.Value, log.Append(ctx, "", audit.Line{
		Time: now(), Actor: audit.Actor{Kind: "system"}, Action: "restore",
		Changed: map[string]audit.Change{"epoch": {To: audit.Quote(raised.Value)}},
	})
}

// canDecrypt returns a function that fails for a product whose private keys do not open.
func canDecrypt(keys *issuer.Issuer) func(licensing.Product) error {
	return func(p licensing.Product) error {
		_, err := keys.Signer(p.ID, p.SealedKeys)
		return err
	}
}
