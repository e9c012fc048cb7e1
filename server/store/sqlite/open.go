// Package sqlite is the embedded store: everything is in one SQLite file, and nothing has to be installed.
//
// Start with Open. One process at a time holds a data directory. All changes go through one writer, which puts the changes of many callers
// into one transaction and replies to each only after its COMMIT has reached the disk (WAL, synchronous FULL). So what was acknowledged
// survives a crash, and the disk is flushed once for all of them. Reads have connections of their own and never wait for the writer.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/onelicense/onelicense/server/licensing"
)

// Files in a data directory.
const (
	File     = "onelicense.db" // the database
	LockFile = "lock"
)

// readers is the number of connections for reads: a read is short and in memory, so a few suffice.
const readers = 4

var _ licensing.Store = (*Store)(nil)

// Store is the data of one directory. It implements licensing.Store and access.Store.
type Store struct {
	directory string
	lock      Lock
	file      fs.FileInfo // the database file when it was opened
	writing   *sql.DB
	reading   *sql.DB
	prepared  sync.Map // prepared statements of reading, by query
	writer    *writer
	licenses  licenseCache
}

// Lock is the lock of a data directory. The one process that writes there holds it.
type Lock struct{ file *flock.Flock }

// AcquireLock takes the lock of a directory. It fails when another process holds it.
func AcquireLock(directory string) (Lock, error) {
	l := Lock{flock.New(filepath.Join(directory, LockFile), flock.SetPermissions(0o600))}
	held, err := l.file.TryLock()
	if err != nil {
		return l, fmt.Errorf("locking the data directory %s: %w", directory, err)
	}
	if !held {
		return l, fmt.Errorf("the data directory %s is in use by another process", directory)
	}
	return l, nil
}

// Release gives up the lock.
func (l Lock) Release() error { return l.file.Unlock() }

// Open opens the data directory, creates it if it does not exist, and updates its schema. It fails when another process holds the
// directory, or when the data was written by a newer program.
func Open(directory string) (*Store, error) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("creating the data directory: %w", err)
	}
	lock, err := AcquireLock(directory)
	if err != nil {
		return nil, err
	}
	s := &Store{directory: directory, lock: lock}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) start() (err error) {
	file := filepath.Join(s.directory, File)
	if err := checkJournal(file); err != nil {
		return err
	}
	// SQLite would create the file with the permissions that the umask allows.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the data: %w", err)
	}
	if s.file, err = f.Stat(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if s.writing, err = openDB(file, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "cache_size(-16384)",
		"journal_size_limit(67108864)"); err != nil {
		return err
	}
	s.writing.SetMaxOpenConns(1)
	if err := migrate(s.writing, migrations); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if s.reading, err = openDB(file, "query_only(1)", "cache_size(-8192)"); err != nil {
		return err
	}
	s.reading.SetMaxOpenConns(readers)
	s.reading.SetMaxIdleConns(readers)
	s.writer, err = startWriter(s.writing)
	return err
}

// checkJournal returns an error when there is a journal without its database: it may hold changes that are nowhere else, and SQLite would
// delete it.
func checkJournal(file string) error {
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	if size(file) > 0 || size(file+"-wal") == 0 {
		return nil
	}
	return fmt.Errorf("%s is missing or empty, but its journal %s-wal exists: "+
		"put back the database that belongs to it, or restore a backup into another directory", file, File)
}

func openDB(file string, pragmas ...string) (*sql.DB, error) {
	at, err := fileURI(file, url.Values{"_pragma": append([]string{"busy_timeout(10000)"}, pragmas...)})
	if err != nil {
		return nil, err
	}
	return sql.Open("sqlite", at)
}

// fileURI returns a file's URI as SQLite expects it: the path is absolute, since the first element of a relative one would be taken for a
// host.
func fileURI(file string, query url.Values) (string, error) {
	path, err := filepath.Abs(file)
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String(), err
}

// Ready returns nil while the store can be written: it lets the writer commit, and checks that the database and its journal are still the
// files that were opened. Writes to a file that was deleted or replaced would succeed, and be lost with the process.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE heartbeat SET at = ?`, time.Now().UnixMilli())
		return err
	}); err != nil {
		return err
	}
	file := filepath.Join(s.directory, File)
	is, err := os.Stat(file)
	if err == nil && !os.SameFile(is, s.file) {
		err = fmt.Errorf("%s is not the file that was opened", file)
	}
	if err == nil {
		_, err = os.Stat(file + "-wal")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", licensing.ErrUnavailable, err)
	}
	return nil
}

// Close waits for the changes in progress and releases the directory.
func (s *Store) Close() error {
	var errs []error
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	for _, db := range []*sql.DB{s.reading, s.writing} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(append(errs, s.lock.Release())...)
}

// row reads one row with a connection of the pool.
func (s *Store) row(query string, args ...any) scanner {
	statement, err := s.statement(query)
	if err != nil {
		return failedRow{err}
	}
	// The context cannot be cancelled: the driver starts a goroutine for each query with a context that can, and the queries are short.
	return statement.QueryRowContext(context.Background(), args...)
}

// rows reads rows with a connection of the pool and calls each for every one.
func (s *Store) rows(each func(scanner) error, query string, args ...any) error {
	statement, err := s.statement(query)
	if err != nil {
		return err
	}
	rows, err := statement.QueryContext(context.Background(), args...)
	return mapDiskError(scanRows(rows, err, each))
}

func (s *Store) statement(query string) (*sql.Stmt, error) {
	if statement, ok := s.prepared.Load(query); ok {
		return statement.(*sql.Stmt), nil
	}
	statement, err := s.reading.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", strings.Join(strings.Fields(query), " "), err)
	}
	if earlier, loaded := s.prepared.LoadOrStore(query, statement); loaded {
		return earlier.(*sql.Stmt), statement.Close()
	}
	return statement, nil
}
