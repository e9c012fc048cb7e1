package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"

	"github.com/onelicense/onelicense/server/licensing"
)

// diskErrorCodes are SQLite's primary result codes for failures of the disk rather than of the data. The same request can succeed once the
// disk works again.
var diskErrorCodes = map[int]bool{
	5:  true, // BUSY: another program holds the file
	8:  true, // READONLY
	10: true, // IOERR
	13: true, // FULL
	14: true, // CANTOPEN
}

// mapDiskError wraps ErrUnavailable around an error that means that the disk failed or is full. The writer has rolled back what it could
// not finish.
func mapDiskError(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && diskErrorCodes[e.Code()&0xff] {
		return fmt.Errorf("%w: %w", licensing.ErrUnavailable, err)
	}
	return err
}
