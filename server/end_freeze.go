package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/onelicense/onelicense/server/audit"
)

// EndFreeze says that no lease from before the last restore is out any more: what was frozen since is granted again. It gives the epoch, and
// since when things were frozen in it; the zero time when nothing was. The epoch is the whole server's, so this is for whoever operates it
// and no organisation's affair: like Found it opens the store by itself.
func EndFreeze(ctx context.Context, c Config) (epoch int64, since time.Time, err error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.requireExisting(ctx); err != nil {
		return 0, since, err
	}
	store, master, err := openStore(ctx, c)
	if err != nil {
		return 0, since, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	keys, secret, err := c.openKeys(ctx, store, master)
	if err != nil {
		return 0, since, err
	}
	domain, err := newLicensing(store, keys, secret, c.Now, nil)
	if err != nil {
		return 0, since, err
	}
	was, err := store.Epoch(ctx, c.Now().Unix())
	if err != nil || was.Since == 0 {
		return was.Value, since, err
	}
	if err := domain.Leasing.EndFreeze(ctx); err != nil {
		return was.Value, since, err
	}
	since = was.Since.Std().UTC()
	return was.Value, since, audit.New(store, c.Now, slog.New(slog.DiscardHandler)).Append(ctx, "", audit.Line{
		Time: c.Now(), Actor: audit.Actor{Kind: "system"}, Action: "settle",
		Changed: map[string]audit.Change{"frozen_since": {From: audit.Quote(since)}},
	})
}
