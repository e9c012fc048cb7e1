package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// RestoreConfig is a backup, and where its data is to be served.
type RestoreConfig struct {
	From, Data string // directories
	Mongo      string // address of a database that was put back already: there is no From then
	MasterKey  string // file; empty: from Kept, or else the backup's, or the one that lies in Data already
	Now        func() time.Time

	KeySource, PreviousKeySource masterkey.Source // where the server will take the key and the one beside it from; nil: from a file in Data, and none
}

// stagingDir is where data is made ready, within the directory that it is for. A restore that was cut short leaves it, and no database.
const stagingDir = "restoring"

// Restore puts a backup into a new data directory, with a new epoch, and gives that. The backup is held to its manifest first. The
// database comes under its name last, so a server never finds one whose epoch was not raised; one that is started meanwhile is refused.
func Restore(ctx context.Context, c RestoreConfig) (m Manifest, epoch int64, err error) {
	if c.Mongo != "" {
		epoch, err = c.finishMongoRestore(ctx)
		return m, epoch, err
	}
	if m, err = ReadManifest(c.From); err != nil {
		return m, 0, err
	}
	if !m.Contains(sqlite.File) {
		return m, 0, fmt.Errorf("%s holds no database", c.From)
	}
	if err := c.requireEmpty(); err != nil {
		return m, 0, err
	}
	key, err := c.key(m)
	if err != nil {
		return m, 0, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return m, 0, err
	}
	lock, err := sqlite.AcquireLock(c.Data)
	if err != nil {
		return m, 0, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := c.requireEmpty(); err != nil { // a server may have been there in between
		return m, 0, err
	}
	epoch, err = c.restoreFiles(ctx, key)
	return m, epoch, err
}

// finishMongoRestore makes a database on MongoDB ready that its own means have put back.
func (c RestoreConfig) finishMongoRestore(ctx context.Context) (epoch int64, err error) {
	there := Config{Data: c.Data, Mongo: c.Mongo, MasterKey: c.KeySource, PreviousMasterKey: c.PreviousKeySource, Now: c.Now}
	if c.MasterKey != "" {
		key, err := readMasterKey(c.MasterKey)
		if err != nil {
			return 0, err
		}
		there.MasterKey = masterkey.Static(key)
	}
	return beginEpoch(ctx, there)
}

// requireEmpty tells why the data directory cannot be filled.
func (c RestoreConfig) requireEmpty() error {
	return requireEmpty(c.Data, masterKeyFile, stagingDir, sqlite.LockFile)
}

// restoreFiles makes the data ready in the workshop, and moves it to where it is to be.
func (c RestoreConfig) restoreFiles(ctx context.Context, key []byte) (epoch int64, err error) {
	ready := filepath.Join(c.Data, stagingDir)
	if err := os.RemoveAll(ready); err != nil {
		return 0, err
	}
	if err := os.Mkdir(ready, 0o700); err != nil {
		return 0, err
	}
	made, opened := []string{sqlite.File}, Config{Data: ready, PreviousMasterKey: c.PreviousKeySource, Now: c.Now}
	if key == nil {
		opened.MasterKey = c.KeySource
	} else if err := writeFile(filepath.Join(ready, masterKeyFile), key); err != nil {
		return 0, err
	} else {
		made = []string{masterKeyFile, sqlite.File}
	}
	if err := copyFile(filepath.Join(c.From, sqlite.File), filepath.Join(ready, sqlite.File)); err != nil {
		return 0, err
	}
	if epoch, err = beginEpoch(ctx, opened); err != nil {
		return 0, err
	}
	if err := sqlite.Checkpoint(ready); err != nil { // the file goes alone
		return 0, err
	}
	for _, name := range made {
		if err := os.Rename(filepath.Join(ready, name), filepath.Join(c.Data, name)); err != nil {
			return 0, err
		}
		if err := syncDirectory(c.Data); err != nil {
			return 0, err
		}
	}
	return epoch, os.RemoveAll(ready)
}

// key is the master key that the backup's data was sealed with; nil when it is not to lie beside the data.
func (c RestoreConfig) key(m Manifest) ([]byte, error) {
	switch there := filepath.Join(c.Data, masterKeyFile); {
	case c.MasterKey != "":
		return readMasterKey(c.MasterKey)
	case c.KeySource != nil:
		return nil, nil
	case m.Contains(masterKeyFile):
		return readMasterKey(filepath.Join(c.From, masterKeyFile))
	case exists(there):
		return readMasterKey(there)
	}
	return nil, errors.New("the backup does not hold the master key: give the file in which it was kept, the products' private keys are sealed with it")
}

// beginEpoch makes a database ready that was put back from a backup, before a server runs on it: the schema is brought up to date, the
// master key is tried on every product, and a new epoch begins. Programs then know which answers are from before; nothing new is granted
// until the leases that the records do not know have run out, or an administrator says that there are none.
func beginEpoch(ctx context.Context, c Config) (epoch int64, err error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MasterKey == nil && !exists(filepath.Join(c.Data, masterKeyFile)) {
		return 0, fmt.Errorf("there is no %s in %s", masterKeyFile, c.Data)
	}
	if err := c.requireExisting(ctx); err != nil {
		return 0, err
	}
	store, master, err := openStore(ctx, c)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	keys, secret, err := c.openKeys(ctx, store, master)
	if err != nil {
		return 0, err
	}
	domain, err := newLicensing(store, keys, secret, c.Now, nil)
	if err != nil {
		return 0, err
	}
	if err := store.EachProduct(ctx, canDecrypt(keys)); err != nil {
		return 0, err
	}
	raised, err := domain.Leasing.RaiseEpoch(ctx)
	if err != nil {
		return 0, err
	}
	// The log of the process is not asked for: what was lost with the lines after the backup, no line can say.
	return raised.Value, audit.New(store, c.Now, slog.New(slog.DiscardHandler)).Append(ctx, "", audit.Line{
		Time: c.Now(), Actor: audit.Actor{Kind: "system"}, Action: "restore",
		Changed: map[string]audit.Change{"epoch": {To: audit.Quote(raised.Value)}},
	})
}

// canDecrypt tells whether a product's keys open.
func canDecrypt(keys *issuer.Issuer) func(licensing.Product) error {
	return func(p licensing.Product) error {
		_, err := keys.Signer(p.ID, p.SealedKeys)
		return err
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func copyFile(from, to string) error {
	data, err := os.Open(from)
	if err != nil {
		return err
	}
	defer data.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.ReadFrom(data)
	return errors.Join(err, f.Sync(), f.Close())
}
