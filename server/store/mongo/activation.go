package mongo

import (
	"cmp"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// activation is the document of an activation. Each write states the revision that it was decided on and raises it; writing a claim and
// undoing it raise it too. Before the first lease, while a first activation is in progress, the generation is 0 and no reader is shown the
// document.
type activation struct {
	ID                      string `bson:"_id"`
	Birth                   string `bson:"birth,omitempty"`
	Rev                     int64  `bson:"rev"`
	License                 string `bson:"license"`
	Activation              string `bson:"activation"`
	Org                     string `bson:"org"`
	Device                  string `bson:"device"`
	Generation              int64  `bson:"generation"`
	Number                  int64  `bson:"number"`
	Link                    string `bson:"link"`
	Request                 string `bson:"request"`
	Lease                   []byte `bson:"lease"`
	Counted                 int64  `bson:"counted"`
	Charged                 int64  `bson:"granted"`
	Created                 date   `bson:"created"`
	LastSync                date   `bson:"last_sync"`
	Closed                  date   `bson:"closed"`
	Name                    string `bson:"name"`
	Folded                  string `bson:"folded"` // what searches look through
	ReactivationCount       int64  `bson:"restores"`
	ReactivationWindowStart date   `bson:"restores_from"`

	Reactivations licensing.ReactivationHistory `bson:"past"`
	LastReport    licensing.LastReport          `bson:"seen"`

	Seats     []seat          `bson:"held"`            // the seats it holds and their buckets; where they differ, the bucket is right
	Claim     *claim          `bson:"claim,omitempty"` // the advance in progress
	Pending   *pendingRelease `bson:"owed,omitempty"`  // what the last advance gave back and is not released yet
	OpenSince date            `bson:"open,omitempty"`  // since when there is a claim or a pending release
}

// seat is a slot that an activation holds.
type seat struct {
	Entitlement string `bson:"entitlement"`
	Context     string `bson:"context"`
	Since       date   `bson:"since"`
	Until       date   `bson:"until"`
	Bucket      string `bson:"bucket"` // _id of the bucket that has the seat
	Token       string `bson:"mark"`   // of the claim that took it, which tells it from a later seat in the same place
}

func activationID(k licensing.ActivationKey) string {
	return string(k.License) + ":" + string(k.Activation)
}

func (d activation) position() (date, string) { return d.Created, d.ID }

func (d activation) isActivated() bool { return d.Generation > 0 }

func (d activation) head() lease.Position {
	return lease.Position{Generation: d.Generation, Number: d.Number, Link: lease.Hash(d.Link)}
}

func (d activation) record() licensing.Activation {
	return licensing.Activation{
		ActivationKey: licensing.ActivationKey{License: license.ID(d.License), Activation: lease.Hash(d.Activation)},
		Organisation:  license.ID(d.Org), Device: d.Device, Head: d.head(), Request: lease.Hash(d.Request), Lease: d.Lease, Counted: d.Counted,
		Charged: d.Charged,
		Created: timeOf(d.Created), LastSync: timeOf(d.LastSync), Closed: timeOf(d.Closed), ReactivationCount: d.ReactivationCount,
		ReactivationWindowStart: timeOf(d.ReactivationWindowStart),
		Reactivations:           d.Reactivations, LastReport: d.LastReport, Name: d.Name,
	}
}

// setRecord sets what an advance changes in the record: not the name, nor what only the store uses.
func (d *activation) setRecord(r licensing.Activation) {
	d.Generation, d.Number, d.Link, d.Request, d.Lease = r.Head.Generation, r.Head.Number, string(r.Head.Link), string(r.Request), r.Lease
	d.Device, d.Counted, d.Charged = r.Device, r.Counted, r.Charged
	d.Created, d.LastSync, d.Closed = dateOf(r.Created), dateOf(r.LastSync), dateOf(r.Closed)
	d.ReactivationCount, d.ReactivationWindowStart = r.ReactivationCount, dateOf(r.ReactivationWindowStart)
	d.Reactivations, d.LastReport = r.Reactivations, r.LastReport
}

// sortedSeats returns the seats ordered by entitlement.
func (d activation) sortedSeats() []seat {
	return slices.SortedFunc(slices.Values(d.Seats), func(a, b seat) int { return cmp.Compare(a.Entitlement, b.Entitlement) })
}

// Activation implements licensing.SyncStore.
func (s *Store) Activation(ctx context.Context, key licensing.ActivationKey) (licensing.Activation, error) {
	d, err := findOne[activation](ctx, s.activations, newDoc("_id", activationID(key)))
	if err != nil || !d.isActivated() {
		return licensing.Activation{}, orNotFound(err)
	}
	return d.record(), nil
}

// Activations implements licensing.SyncStore.
func (s *Store) Activations(ctx context.Context, org, id license.ID, page licensing.Page) (licensing.Listing[licensing.Activation], error) {
	if err := s.requireLicense(ctx, org, id); err != nil {
		return licensing.Listing[licensing.Activation]{}, err
	}
	return listNewest(ctx, s.activations, newDoc("license", string(id), "generation", newDoc("$gt", int64(0))), "folded", page,
		activation.record)
}

// claimToken identifies a piece of work on an activation that leaves traces in other documents: a claim or a pending release.
type claimToken struct {
	Activation string // _id
	Token      string
}

// openClaims are the claims and pending releases in progress, by activation.
type openClaims map[string]openClaim

type openClaim struct {
	claim   string
	undoing bool // the claim is being undone: nothing may be added under it, and its traces are still needed
	pending string
}

// isOpen reports whether work may go on under the token.
func (m openClaims) isOpen(one claimToken) bool {
	open := m[one.Activation]
	return open.claim == one.Token && !open.undoing || open.pending == one.Token
}

// isInUse reports whether the traces of the token are still needed.
func (m openClaims) isInUse(one claimToken) bool {
	open := m[one.Activation]
	return open.claim == one.Token || open.pending == one.Token
}

// readOpenClaims reads the claims and pending releases of these activations.
func (s *Store) readOpenClaims(ctx context.Context, some, more []string) (openClaims, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(slices.Concat(some, more))))
	if len(ids) == 0 {
		return nil, nil
	}
	type open struct {
		ID    string `bson:"_id"`
		Claim struct {
			Mark    string `bson:"mark"`
			Undoing bool   `bson:"undoing"`
		} `bson:"claim"`
		Owed struct {
			Mark string `bson:"mark"`
		} `bson:"owed"`
	}
	all, err := findAll[open](ctx, s.activations, newDoc("_id", newDoc("$in", ids)),
		options.Find().SetProjection(newDoc("claim.mark", 1, "claim.undoing", 1, "owed.mark", 1)))
	if err != nil {
		return nil, err
	}
	found := openClaims{}
	for _, a := range all {
		found[a.ID] = openClaim{a.Claim.Mark, a.Claim.Undoing, a.Owed.Mark}
	}
	return found, nil
}
