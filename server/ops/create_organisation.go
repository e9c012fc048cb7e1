package ops

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/data"
)

// NewOrganisationLink creates a one-time link for creating another organisation on a server that has an owner. It returns the link, which
// starts with publicURL, and when it expires. On MongoDB it may run beside the nodes; on the embedded store no server may hold the data.
func NewOrganisationLink(ctx context.Context, o data.Options, publicURL string, now func() time.Time) (
	link string, expires time.Time, err error,
) {
	if err := data.RequireExisting(ctx, o); err != nil {
		return "", expires, err
	}
	store, _, err := data.OpenStore(ctx, o)
	if err != nil {
		return "", expires, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if owned, err := store.HasOwner(ctx); err != nil {
		return "", expires, err
	} else if !owned {
		return "", expires, fmt.Errorf("the server in %s has no owner yet: start it, it prints the link for the first organisation", o.Dir)
	}
	service := access.New(store, access.Options{Clock: now, URL: func() string { return strings.TrimSuffix(publicURL, "/") }})
	link, end, err := service.NewOrganisationLink(ctx)
	return link, time.UnixMilli(int64(end)).UTC(), err
}
