//go:build mongo

package mongo

import (
	"context"
	"sync/atomic"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// multiNodeStore sends calls that may contend to one node after the other.
type multiNodeStore struct {
	*Store
	others []*Store
	calls  atomic.Int64
}

func (n *multiNodeStore) nextNode() *Store {
	if i := int(n.calls.Add(1)) % (len(n.others) + 1); i > 0 {
		return n.others[i-1]
	}
	return n.Store
}

func (n *multiNodeStore) Advance(ctx context.Context, a licensing.Advance) (licensing.AdvanceResult, error) {
	return n.nextNode().Advance(ctx, a)
}

func (n *multiNodeStore) Deactivate(ctx context.Context, org license.ID, key licensing.ActivationKey, now lease.Time) error {
	return n.nextNode().Deactivate(ctx, org, key, now)
}

func (n *multiNodeStore) FreeReservation(ctx context.Context, org license.ID, key licensing.ActivationKey, entitlement string,
	now lease.Time) error {
	return n.nextNode().FreeReservation(ctx, org, key, entitlement, now)
}

func (n *multiNodeStore) SaveReactivationHistory(ctx context.Context, key licensing.ActivationKey, head lease.Position,
	history licensing.ReactivationHistory, resetBudget bool) error {
	return n.nextNode().SaveReactivationHistory(ctx, key, head, history, resetBudget)
}

func (n *multiNodeStore) Epoch(ctx context.Context, first int64) (licensing.Epoch, error) {
	return n.nextNode().Epoch(ctx, first)
}

func (n *multiNodeStore) RaiseEpoch(ctx context.Context, above int64, now lease.Time) (licensing.Epoch, error) {
	return n.nextNode().RaiseEpoch(ctx, above, now)
}

func (n *multiNodeStore) EndFreeze(ctx context.Context, value int64) error {
	return n.nextNode().EndFreeze(ctx, value)
}

func (n *multiNodeStore) Reservations(ctx context.Context, org, id license.ID,
	page licensing.Page) (licensing.Listing[licensing.Reservation], error) {
	return n.nextNode().Reservations(ctx, org, id, page)
}

func (n *multiNodeStore) CreateProduct(ctx context.Context, p licensing.Product) error {
	return n.nextNode().CreateProduct(ctx, p)
}

func (n *multiNodeStore) UpdateLicense(ctx context.Context, l licensing.License) (licensing.License, error) {
	return n.nextNode().UpdateLicense(ctx, l)
}

func (n *multiNodeStore) CreateEntry(ctx context.Context, e licensing.Entry) error {
	return n.nextNode().CreateEntry(ctx, e)
}

func (n *multiNodeStore) Entry(ctx context.Context, kind, id string) (licensing.Entry, error) {
	return n.nextNode().Entry(ctx, kind, id)
}

func (n *multiNodeStore) ReplaceEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	return n.nextNode().ReplaceEntry(ctx, e)
}
