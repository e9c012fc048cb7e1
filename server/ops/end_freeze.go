package ops

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/data"
)

// EndFreeze ends the freeze after a restore: the operator confirms that all leases issued before it have expired or are lost, and what was
// frozen is granted again. It returns the epoch and since when it was frozen; the zero time when it was not. The epoch is that of the whole
// server, so this is up to its operator and no organisation. On the embedded store no server may hold the data.
func EndFreeze(ctx context.Context, o data.Options, now func() time.Time) (epoch int64, since time.Time, err error) {
	if err := data.RequireExisting(ctx, o); err != nil {
		return 0, since, err
	}
	d, err := data.Open(ctx, o)
	if err != nil {
		return 0, since, err
	}
	defer func() { err = errors.Join(err, d.Store.Close()) }()
	domain, err := d.Licensing(now, nil)
	if err != nil {
		return 0, since, err
	}
	before, err := d.Store.Epoch(ctx, now().Unix())
	if err != nil || before.Since == 0 {
		return before.Value, since, err
	}
	if err := domain.Leasing.EndFreeze(ctx); err != nil {
		return before.Value, since, err
	}
	since = before.Since.Std().UTC()
	log := audit.New(d.Store, now, slog.New(slog.DiscardHandler))
	return before.Value, since, log.Append(ctx, "", audit.Line{
		Time: now(), Actor: audit.Actor{Kind: "system"}, Action: "endFreeze",
		Changed: map[string]audit.Change{"frozen_since": {From: audit.Quote(since)}},
	})
}
