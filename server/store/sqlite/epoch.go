package sqlite

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

const epochSchema = `
CREATE TABLE epoch (
	only  INTEGER PRIMARY KEY CHECK (only = 1),
	value INTEGER NOT NULL
) STRICT;
`

// Epoch implements licensing.SyncStore. The epoch is read by most requests and hardly ever changes, so only the call that creates it waits
// for the writer.
func (s *Store) Epoch(ctx context.Context, first int64) (licensing.Epoch, error) {
	if e, err := readEpoch(s.row); !errors.Is(err, licensing.ErrNotFound) {
		return e, err
	}
	return s.changeEpoch(ctx, `INSERT INTO epoch (only, value) VALUES (1, ?) ON CONFLICT DO NOTHING`, first)
}

// RaiseEpoch implements licensing.SyncStore.
func (s *Store) RaiseEpoch(ctx context.Context, above int64, now lease.Time) (licensing.Epoch, error) {
	return s.changeEpoch(ctx, `INSERT INTO epoch (only, value, since) VALUES (1, ?1, ?2)
		ON CONFLICT DO UPDATE SET value = ?1, since = ?2 WHERE value < ?1`, above+1, now)
}

// EndFreeze implements licensing.SyncStore.
func (s *Store) EndFreeze(ctx context.Context, value int64) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE epoch SET since = 0 WHERE value = ?`, value)
		return err
	})
}

func (s *Store) changeEpoch(ctx context.Context, query string, args ...any) (e licensing.Epoch, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		if _, err = t.exec(query, args...); err != nil {
			return err
		}
		e, err = readEpoch(t.row)
		return err
	})
	return e, err
}

func readEpoch(row func(string, ...any) scanner) (e licensing.Epoch, err error) {
	err = row(`SELECT value, since FROM epoch`).Scan(&e.Value, &e.Since)
	return e, mapNotFound(err)
}
