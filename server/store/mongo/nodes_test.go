//go:build mongo

package mongo

import (
	"context"
	"sync/atomic"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// nodes sends what may be contended to one node after the other.
type nodes struct {
	*Store
	others []*Store
	calls  atomic.Int64
}

func (n *nodes) next() *Store {
	if i := int(n.calls.Add(1)) % (len(n.others) + 1); i > 0 {
		return n.others[i-1]
	}
	return n.Store
}

func (n *nodes) Advance(ctx context.Context, a licensing.Advance) (lease.Document, error) {
	return n.next().Advance(ctx, a)
}

func (n *nodes) Deactivate(ctx context.Context, org license.ID, key licensing.ActivationKey, now lease.Time) error {
	return n.next().Deactivate(ctx, org, key, now)
}

func (n *nodes) FreeReservation(ctx context.Context, org license.ID, key licensing.ActivationKey, entitlement string, now lease.Time) error {
	return n.next().FreeReservation(ctx, org, key, entitlement, now)
}

func (n *nodes) Remember(ctx context.Context, key licensing.ActivationKey, head lease.Position, past licensing.Past, restores bool) error {
	return n.next().Remember(ctx, key, head, past, restores)
}

func (n *nodes) Epoch(ctx context.Context, first int64) (licensing.Epoch, error) {
	return n.next().Epoch(ctx, first)
}

func (n *nodes) RaiseEpoch(ctx context.Context, above int64, now lease.Time) (licensing.Epoch, error) {
	return n.next().RaiseEpoch(ctx, above, now)
}

func (n *nodes) SettleEpoch(ctx context.Context, value int64) error {
	return n.next().SettleEpoch(ctx, value)
}

func (n *nodes) Reservations(ctx context.Context, org, id license.ID, page licensing.Page) (licensing.Listing[licensing.Reservation], error) {
	return n.next().Reservations(ctx, org, id, page)
}

func (n *nodes) CreateProduct(ctx context.Context, p licensing.Product) error {
	return n.next().CreateProduct(ctx, p)
}

func (n *nodes) UpdateLicense(ctx context.Context, l licensing.License) (licensing.License, error) {
	return n.next().UpdateLicense(ctx, l)
}

func (n *nodes) CreateEntry(ctx context.Context, e licensing.Entry) error {
	return n.next().CreateEntry(ctx, e)
}

func (n *nodes) Entry(ctx context.Context, kind, id string) (licensing.Entry, error) {
	return n.next().Entry(ctx, kind, id)
}

func (n *nodes) ReplaceEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	return n.next().ReplaceEntry(ctx, e)
}
