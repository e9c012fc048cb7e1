// Package data opens what a server persists: the store, embedded or on MongoDB, and the master key that its secrets are encrypted with.
//
// Start with Open. OpenStore opens the store without decrypting anything. Both are safe to call on an empty directory, which becomes a new
// server's; commands that must not create one by a mistyped address call RequireExisting first.
package data

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing/events"
	"github.com/onelicense/onelicense/server/licensing/services"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/store"
	"github.com/onelicense/onelicense/server/store/mongo"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// Options names the data and the keys that open it. Only Dir is required.
type Options struct {
	Dir   string // holds the master key, and the database unless Mongo is set; created if missing
	Mongo string // mongodb:// address of the database; empty: the embedded store in Dir

	MasterKey         masterkey.Source // nil: the file master.key in Dir, created on first use
	PreviousMasterKey masterkey.Source // nil: none. It only decrypts; what it opens is encrypted again with MasterKey

	Wrap func(store.Store) store.Store // nil: none; wraps the store before anything uses it
}

// Data is an open store with the keys that decrypt its secrets.
type Data struct {
	Store  store.Store
	Issuer *issuer.Issuer
	Secret []byte // 32 random bytes, the same on every node
}

// Open opens the store and decrypts the server's secret, which the first node to start creates. It returns a config.SettingError when the
// address of the database or the master key is wrong.
func Open(ctx context.Context, o Options) (*Data, error) {
	opened, master, err := OpenStore(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Wrap != nil {
		opened = o.Wrap(opened)
	}
	d := &Data{Store: opened}
	if err := d.openKeys(ctx, o, master); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return d, nil
}

// OpenStore opens the store and returns it with the master key. A store that is in use is never opened with a new master key: none of its
// products could sign with it, and nobody would know why.
func OpenStore(ctx context.Context, o Options) (opened store.Store, master []byte, err error) {
	path := filepath.Join(o.Dir, MasterKeyFile)
	_, err = os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist) && o.MasterKey == nil
	if o.Mongo == "" {
		database := filepath.Join(o.Dir, sqlite.File)
		if _, err := os.Stat(database); missing && err == nil {
			return nil, nil, fmt.Errorf("%s is missing, but %s exists: restore the master key from its backup; the products' private keys are "+
				"encrypted with it", path, database)
		}
		if master, err = o.masterKey(ctx); err != nil {
			return nil, nil, err
		}
		if opened, err = sqlite.Open(o.Dir); err != nil {
			return nil, nil, err
		}
		return opened, master, nil
	}
	s, err := mongo.Open(ctx, o.Mongo)
	if err != nil {
		return nil, nil, &config.SettingError{Setting: "mongo", Err: err}
	}
	owned, err := s.HasOwner(ctx)
	if err == nil && owned && missing {
		err = fmt.Errorf("%s is missing, but the database is in use: every node needs the same master key; copy it from another node or "+
			"from its backup", path)
	}
	if err == nil {
		master, err = o.masterKey(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, master, nil
}

// RequireExisting returns an error when there is no data yet. Commands that run beside a server call it first, so that a mistyped address
// does not create another database.
func RequireExisting(ctx context.Context, o Options) (err error) {
	if o.Mongo == "" {
		if database := filepath.Join(o.Dir, sqlite.File); !Exists(database) {
			return fmt.Errorf("there is no %s", database)
		}
		return nil
	}
	database, err := mongo.OpenReadOnly(ctx, o.Mongo)
	if err != nil {
		return &config.SettingError{Setting: "mongo", Err: err}
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	if version, _, err := database.SchemaVersion(ctx); err != nil || version > 0 {
		return err
	}
	return &config.SettingError{Setting: "mongo", Err: errors.New("the database is empty: check that the address names the right one")}
}

// DeriveKey returns a 32-byte key for one purpose. Keys are derived from the server's secret and not from the master key, so that they
// survive a change of that.
func (d *Data) DeriveKey(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, d.Secret, nil, "onelicense/"+purpose+"/1", 32)
}

// Licensing returns the licensing services on the store and the issuer. Events are not recorded when sink is nil.
func (d *Data) Licensing(now func() time.Time, sink events.Sink) (*services.Services, error) {
	challenges, err := d.DeriveKey("challenges")
	if err != nil {
		return nil, err
	}
	return services.New(d.Store, d.Issuer, services.Options{Clock: now, Secret: challenges, Events: sink}), nil
}
