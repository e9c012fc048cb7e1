package sqlite

import (
	"database/sql"
	"errors"

	"modernc.org/sqlite"

	"github.com/onelicense/onelicense/server/licensing"
)

// scanner is a row that can be read into variables.
type scanner interface{ Scan(...any) error }

// failedRow is a row of a query that failed.
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

// mapNotFound maps a missing row to ErrNotFound, and a failure of the disk to ErrUnavailable.
func mapNotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return licensing.ErrNotFound
	}
	return mapDiskError(err)
}

// SQLite's extended result codes for a second row with the same key, and for a row whose parent does not exist.
const (
	constraintForeignKey = 787
	constraintPrimaryKey = 1555
	constraintUnique     = 2067
)

// mapConstraint maps a violated unique index to ErrExists, and a missing parent to ErrNotFound.
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
