package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"

	"github.com/onelicense/onelicense/server/licensing"
)

// The primary result codes of SQLite that tell of the disk and not of the data. What was asked for can work when the disk does again.
var diskErrorCodes = map[int]bool{
	5:  true, // BUSY: another program holds the file
	8:  true, // READONLY
	10: true, // IOERR
	13: true, // FULL
	14: true, // CANTOPEN
}

// mapDiskError says ErrUnavailable where the disk has failed or is full. The writer has taken back what it could not finish.
func mapDiskError(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && diskErrorCodes[e.Code()&0xff] {
		return fmt.Errorf("%w: %w", licensing.ErrUnavailable, err)
	}
	return err
}
