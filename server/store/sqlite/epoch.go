package sqlite

import "context"

const epochSchema = `
CREATE TABLE epoch (
	only  INTEGER PRIMARY KEY CHECK (only = 1),
	value INTEGER NOT NULL
) STRICT;
`

// Epoch of the server: the given one if it has none yet, and from then on the stored one. Only a restore raises it.
func (s *Store) Epoch(ctx context.Context, first int64) (epoch int64, err error) {
	err = s.write(ctx, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO epoch VALUES (1, ?) ON CONFLICT DO NOTHING`, first); err != nil {
			return err
		}
		return t.row(`SELECT value FROM epoch`).Scan(&epoch)
	})
	return epoch, err
}
