package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onelicense/onelicense/server/access"
)

// NewOrganisationLink makes the link by which one further organisation is founded on a server that has an owner. It is for whoever operates the server: it
// opens the store by itself, which on MongoDB goes beside the running nodes, and on the embedded store while no server holds it.
func NewOrganisationLink(ctx context.Context, c Config) (link string, until time.Time, err error) {
	if err := c.requireExisting(ctx); err != nil {
		return "", until, err
	}
	store, _, err := openStore(ctx, c)
	if err != nil {
		return "", until, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if owned, err := store.HasOwner(ctx); err != nil {
		return "", until, err
	} else if !owned {
		return "", until, fmt.Errorf("the server in %s has no owner yet: its start prints the link for the first organisation", c.Data)
	}
	at := access.New(store, access.Options{Clock: c.Now, URL: func() string { return strings.TrimSuffix(c.PublicURL, "/") }})
	link, end, err := at.NewOrganisationLink(ctx)
	return link, time.UnixMilli(int64(end)).UTC(), err
}
