package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/store/mongo"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// store keeps everything: the embedded one in the data directory, or MongoDB.
type store interface {
	licensing.Store
	access.Store
	// EachProduct calls each for every product, of every organisation, with its sealed keys.
	EachProduct(ctx context.Context, each func(licensing.Product) error) error
}

// SettingError is a failure to start, with the setting that it is about; everything else is about data.
type SettingError struct {
	Setting string
	Err     error
}

func (e *SettingError) Error() string { return e.Setting + ": " + e.Err.Error() }

func (e *SettingError) Unwrap() error { return e.Err }

// requireExisting is an error when there is no data yet: what is done beside a server must not make another database by a slip in an address.
func (c Config) requireExisting(ctx context.Context) (err error) {
	if c.Mongo == "" {
		if database := filepath.Join(c.Data, sqlite.File); !exists(database) {
			return fmt.Errorf("there is no %s", database)
		}
		return nil
	}
	there, err := mongo.OpenReadOnly(ctx, c.Mongo)
	if err != nil {
		return &SettingError{"mongo", err}
	}
	defer func() { err = errors.Join(err, there.Close()) }()
	if version, _, err := there.SchemaVersion(ctx); err != nil || version > 0 {
		return err
	}
	return &SettingError{"mongo", errors.New("there is nothing in the database: see that the address names the right one")}
}

// openStore gives the store and the master key. A store that holds products is never opened with a key that was made for it: it would leave
// every one of them unable to sign, and nobody would know why.
func openStore(ctx context.Context, c Config) (store, []byte, error) {
	path := filepath.Join(c.Data, masterKeyFile)
	_, err := os.Stat(path)
	missing := errors.Is(err, fs.ErrNotExist) && c.MasterKey == nil
	if c.Mongo == "" {
		database := filepath.Join(c.Data, sqlite.File)
		if _, err := os.Stat(database); missing && err == nil {
			return nil, nil, fmt.Errorf("%s is missing, but %s exists: restore the key from its backup, the products' private keys are sealed with it", path, database)
		}
		key, err := c.masterKey(ctx)
		if err != nil {
			return nil, nil, err
		}
		s, err := sqlite.Open(c.Data)
		if err != nil {
			return nil, nil, err
		}
		return s, key, nil
	}
	s, err := mongo.Open(ctx, c.Mongo)
	if err != nil {
		return nil, nil, &SettingError{"mongo", err}
	}
	owned, err := s.HasOwner(ctx)
	if err == nil && owned && missing {
		err = fmt.Errorf("%s is missing, but the database is in use: every node needs the same key, copy it from another node or from its backup", path)
	}
	var key []byte
	if err == nil {
		key, err = c.masterKey(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, key, nil
}
