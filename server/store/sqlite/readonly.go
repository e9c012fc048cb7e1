package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// ReadOnly reads the data of a directory, also while another process holds it, and changes nothing: for backups and diagnostics. It takes
// no lock of the directory and does not update the schema.
type ReadOnly struct{ db *sql.DB }

// OpenReadOnly opens the data of a directory for reading.
func OpenReadOnly(directory string) (*ReadOnly, error) {
	return openReadOnly(filepath.Join(directory, File))
}

func openReadOnly(file string) (*ReadOnly, error) {
	info, err := os.Stat(file) // SQLite would create it
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file", file, fs.ErrInvalid)
	}
	if err := checkJournal(file); err != nil {
		return nil, err
	}
	db, err := openDB(file, "query_only(1)")
	return &ReadOnly{db}, err
}

// Close closes the database.
func (o *ReadOnly) Close() error { return o.db.Close() }

// SchemaVersion returns the schema version of the data, and the one that this program writes.
func (o *ReadOnly) SchemaVersion(ctx context.Context) (version, known int, err error) {
	err = o.db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version)
	return version, len(migrations), err
}

// CurrentEpoch returns the epoch of the data; zero before the first request of a program.
func (o *ReadOnly) CurrentEpoch(ctx context.Context) (licensing.Epoch, error) {
	e, err := readEpoch(func(query string, args ...any) scanner { return o.db.QueryRowContext(ctx, query, args...) })
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return e, err
}

// Check reads the whole file and returns an error that describes the first damage.
func (o *ReadOnly) Check(ctx context.Context) error {
	var damage string
	if err := o.db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&damage); err != nil {
		return fmt.Errorf("checking the database: %w", err)
	}
	if damage != "ok" {
		return fmt.Errorf("the database is damaged: %s", damage)
	}
	return nil
}

// EachProduct calls each for every product of every organisation, with its encrypted keys. It stops at the first error.
func (o *ReadOnly) EachProduct(ctx context.Context, each func(licensing.Product) error) error {
	rows, err := o.db.QueryContext(ctx, allProducts)
	return scanRows(rows, err, func(row scanner) error {
		p, err := readProduct(new(int64), row)
		if err != nil {
			return err
		}
		return each(p)
	})
}

// EachEntry calls each for every entry of a kind, by organisation and from the oldest to the newest. It stops at the first error.
func (o *ReadOnly) EachEntry(ctx context.Context, kind string, each func(licensing.Entry) error) error {
	rows, err := o.db.QueryContext(ctx, `SELECT `+entryColumns+` FROM entries WHERE kind = ? ORDER BY org, seq`, kind)
	return scanRows(rows, err, func(row scanner) error {
		e, err := readEntry(new(int64), row)
		if err != nil {
			return err
		}
		return each(e)
	})
}

// CountOverdue returns the number of expired entries that a running server would have deleted by the given time.
func (o *ReadOnly) CountOverdue(ctx context.Context, before lease.Time) (n int, err error) {
	err = o.db.QueryRowContext(ctx, `SELECT count(*) FROM entries WHERE until > 0 AND until < ?`, before).Scan(&n)
	return n, err
}

// LastHeartbeat returns the time at which a server last showed that it can write; 0 if none ever did.
func (o *ReadOnly) LastHeartbeat(ctx context.Context) (at lease.Time, err error) {
	err = o.db.QueryRowContext(ctx, `SELECT at FROM heartbeat`).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return at, err
}

// Copy writes the data, as it is at one moment, into a new file. It does not block the process that writes.
func (o *ReadOnly) Copy(ctx context.Context, to string) (err error) {
	at, err := fileURI(to, nil)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	conn, err := o.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	err = conn.Raw(func(c any) error {
		source, ok := c.(interface {
			NewBackup(string) (*sqlite.Backup, error)
		})
		if !ok {
			return errors.New("the driver does not support backups")
		}
		b, err := source.NewBackup(at)
		if err != nil {
			return err
		}
		_, err = b.Step(-1) // all of it in one transaction: in steps, each change by another process would start it over
		return errors.Join(err, b.Finish())
	})
	if err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	written, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(written.Sync(), written.Close())
}

// Checkpoint writes the journal of a directory's data into the database file, so that the file alone holds all data. No other process may
// have the database open.
func Checkpoint(directory string) (err error) {
	file := filepath.Join(directory, File)
	db, err := openDB(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var busy, pages, folded int
	if err := db.QueryRow(`PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &folded); err != nil {
		return fmt.Errorf("checkpointing the journal of %s: %w", file, err)
	}
	if busy != 0 {
		return fmt.Errorf("%s is in use by another process", file)
	}
	return nil
}
