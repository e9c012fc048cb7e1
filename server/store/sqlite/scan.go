package sqlite

import (
	"database/sql"
	"errors"

	"modernc.org/sqlite"

	"github.com/onelicense/onelicense/server/licensing"
)

// scanner is a row that is read into variables.
type scanner interface{ Scan(...any) error }

// failedRow is a row that could not be asked for.
type failedRow struct{ err error }

func (f failedRow) Scan(...any) error { return f.err }

func scanRows(rows *sql.Rows, err error, each func(scanner) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// mapNotFound says ErrNotFound where there was no row, and away where there was no disk.
func mapNotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return licensing.ErrNotFound
	}
	return mapDiskError(err)
}

// The extended result codes of SQLite for a second row of one key, and for a row whose parent is not there.
const (
	constraintForeignKey = 787
	constraintPrimaryKey = 1555
	constraintUnique     = 2067
)

// mapConstraint says ErrExists where a unique index refused a row, and ErrNotFound where there is nothing for it to be below.
func mapConstraint(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case constraintPrimaryKey, constraintUnique:
			return licensing.ErrExists
		case constraintForeignKey:
			return licensing.ErrNotFound
		}
	}
	return err
}
