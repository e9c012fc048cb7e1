package licensing

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// What a store answers when it is not its fault. Anything else is a failure of the store.
var (
	ErrNotFound = errors.New("no such record")
	ErrExists   = errors.New("a record with this name exists")
	ErrStale    = errors.New("the record was changed since it was read")
	ErrInUse    = errors.New("the record has others below it")

	// ErrUnavailable: the store cannot be reached or cannot write now; the same request may work in a moment.
	ErrUnavailable = errors.New("the store is unavailable")
)

// Listing is one page. Next is empty at the end.
type Listing[T any] struct {
	Items []T
	Next  string
}

// Store keeps everything. Its operations are those of the domain: each keeps its invariants by itself, whatever runs beside it, on
// this node or another; and when it has answered, the answer outlives a crash. store/storetest is its contract.
//
// Reads that name an organisation never show another's record: they answer ErrNotFound.
type Store interface {
	CatalogStore
	SyncStore
	EntryStore
	Ready(context.Context) error // nil while the store can be written
	Close() error
}

// CatalogStore is what the vendor edits. Create refuses a name that is taken with ErrExists; Update raises the revision and refuses with
// ErrStale when the record's is not the given one; so does Delete, unless it is 0, and with ErrInUse while there are records below, but
// for a license, which takes its activations with it.
type CatalogStore interface {
	CreateOrganisation(context.Context, Organisation) error
	Organisation(ctx context.Context, id license.ID) (Organisation, error)

	CreateProduct(context.Context, Product) error
	Product(ctx context.Context, org, id license.ID) (Product, error)
	Products(ctx context.Context, org license.ID, page Page) (Listing[Product], error)
	UpdateProduct(context.Context, Product) (Product, error)
	DeleteProduct(ctx context.Context, org, id license.ID, revision int64) error
	// ProductKeyring is public: the certificate, whoever asks.
	ProductKeyring(ctx context.Context, id license.ID) ([]byte, error)

	CreateVersion(context.Context, Version) error
	Version(ctx context.Context, org, id license.ID) (Version, error)
	Versions(ctx context.Context, org, product license.ID, page Page) (Listing[Version], error)
	UpdateVersion(context.Context, Version) (Version, error)
	DeleteVersion(ctx context.Context, org, id license.ID, revision int64) error

	CreateLicense(context.Context, License) error
	License(ctx context.Context, org, id license.ID) (License, error)
	Licenses(ctx context.Context, org license.ID, filter LicenseFilter, page Page) (Listing[License], error)
	UpdateLicense(context.Context, License) (License, error)
	DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error
}

// SyncStore is the hot side: what syncs read and write.
type SyncStore interface {
	// ProductWithKeys is the product with its keys, whoever asks: for answers about a license that does not exist.
	ProductWithKeys(ctx context.Context, product license.ID) (Product, error)
	// LicenseContext of a license; ErrNotFound when there is none.
	LicenseContext(ctx context.Context, id license.ID) (LicenseContext, error)
	// Meter is what all activations of a license have in common.
	Meter(ctx context.Context, id license.ID) (Meter, error)
	// LastSync is the latest of a license's activations; 0: there was none.
	LastSync(ctx context.Context, id license.ID) (lease.Time, error)
	// Activation, also a closed one; ErrNotFound when there is none.
	Activation(context.Context, ActivationKey) (Activation, error)
	Activations(ctx context.Context, org, license license.ID, page Page) (Listing[Activation], error)
	Reservations(ctx context.Context, org, license license.ID, page Page) (Listing[Reservation], error)
	// Advance makes one accepted request true, all of it or nothing; see Advance.
	Advance(context.Context, Advance) (AdvanceResult, error)
	// NameActivation gives an activation the vendor's name for it, by which a search finds it.
	NameActivation(ctx context.Context, org license.ID, key ActivationKey, name string) error
	// Deactivate closes an activation for the vendor and frees what it held, its place among the machines too (Meter.Free), also if it
	// has given that up itself before. It is idempotent.
	Deactivate(ctx context.Context, org license.ID, key ActivationKey, now lease.Time) error
	// FreeReservation takes one reservation back for the vendor. It is idempotent.
	FreeReservation(ctx context.Context, org license.ID, key ActivationKey, entitlement string, now lease.Time) error
	// SaveReactivationHistory replaces an activation's past, if its head is still the given one and the present past's turn is one less than the
	// new one's; else ErrStale. With restores, the budget of re-activations is whole again.
	SaveReactivationHistory(ctx context.Context, key ActivationKey, head lease.Position, past ReactivationHistory, restores bool) error

	// Epoch of the server, the same on all nodes; the first call sets its value to first.
	Epoch(ctx context.Context, first int64) (Epoch, error)
	// RaiseEpoch begins an epoch above the given one at the time now, unless there is one already; it gives the one there is then.
	RaiseEpoch(ctx context.Context, above int64, now lease.Time) (Epoch, error)
	// EndFreeze makes the epoch, if it is still the given one, as good as the first: its Since is 0.
	EndFreeze(ctx context.Context, value int64) error
}

// Advance moves the chain of one activation on by one lease. The store applies it only if the activation's head is still From and the
// license's revision is still the given one and the activation is not closed (else ErrStale: the domain reads again and decides anew),
// and never twice for one To: the same request again is given the lease that is stored.
//
//   - Charge is applied to the activation's account and the license's meter (Meter.Charge).
//   - Reservations held and not dropped are renewed to Until, or stay where they are if that is later; each Want is granted if a slot is
//     free or already held, until its own Until. Slots that have passed their deadline are free, also for the one who held them.
//   - Activate is set for a first activation: then From is zero and no record may exist, or the head of a closed one, which begins its
//     next generation. It is refused by Meter.Admit.
//   - Restore is set for a re-activation: reservations and machine stay, Past is replaced (ErrStale unless the present one's turn is one
//     less), the budget is charged (restored_too_often).
//   - Lease returns the lease for the outcome, which is stored with the rest. It has no effects and is quick: a store may call it more than
//     once, within a transaction.
type Advance struct {
	Key        ActivationKey
	Org        license.ID
	From, To   lease.Position
	Request    lease.Hash
	Device     string
	Revision   int64 // of the license
	LastReport LastReport

	Now lease.Time
	UsageCharge
	Reserve []ReservationRequest
	Release []string // entitlements
	Until   lease.Time
	Goodbye bool // frees everything and closes the activation

	NewActivation *ActivationLimits
	Reactivation  *ReactivationLimits
	Lease         func(Outcome) (lease.Document, error)
}

// AdvanceResult is what an Advance has done.
type AdvanceResult struct {
	Document lease.Document // the lease as it is stored
	Outcome  Outcome        // zero if it was replayed
	Replayed bool           // the same request had been stored before: the document is the lease of then
}

// Unlimited as an allowance or as a number of slots.
const Unlimited int64 = -1

// ReservationRequest is one wanted slot, how many the license has of it, and until when it is granted.
type ReservationRequest struct {
	lease.Slot
	Slots int64 // Unlimited: granted whatever others hold
	Until lease.Time
}

// ActivationLimits is what limits a first activation.
type ActivationLimits struct {
	Limit       int64 // in each window
	Window      int64 // milliseconds
	MaxMachines int64 // 0: no limit
	MoveLimit   int64 // in each window of moves; 0: no limit
	MoveWindow  int64 // milliseconds
	Elsewhere   bool  // on another machine than the one that left: its place is not its own
}

// ReactivationLimits is what limits re-activations.
type ReactivationLimits struct {
	Budget  int64
	Window  int64               // milliseconds
	History ReactivationHistory // of the activation, after
}

// Outcome is what became of an Advance.
type Outcome struct {
	Used             int64 // calls of the license, after
	Counted          int64 // calls of the activation, after
	Charged          int64 // of them and of those to come, charged; after
	UsedBeforePeriod int64 // calls of the license when the present period of its allowance began
	ClosedPeriod     Period
	Reservations     []lease.Reservation
	Denied           []lease.Denial // no_slots only; the domain refuses the rest before
}

// Limit is a refusal by a limit that the store keeps, with the time from which it may work again (0: not known).
type Limit struct {
	Code    license.Code
	Detail  string
	RetryAt lease.Time
}

func (e *Limit) Error() string { return e.Unwrap().Error() }

// Unwrap makes the code found by errors.As.
func (e *Limit) Unwrap() error { return &license.Error{Code: e.Code, Detail: e.Detail} }

// IgnoreNotFound is what a look-up failed with, beside finding nothing.
func IgnoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrStale) {
		return nil
	}
	return err
}

// Reader are passed on to the store as they are.
type Reader interface {
	Organisation(ctx context.Context, id license.ID) (Organisation, error)
	Product(ctx context.Context, org, id license.ID) (Product, error)
	Products(ctx context.Context, org license.ID, page Page) (Listing[Product], error)
	Version(ctx context.Context, org, id license.ID) (Version, error)
	Versions(ctx context.Context, org, product license.ID, page Page) (Listing[Version], error)
	License(ctx context.Context, org, id license.ID) (License, error)
	Licenses(ctx context.Context, org license.ID, filter LicenseFilter, page Page) (Listing[License], error)
}

// MaxAttempts is how often a sync decides anew because the records were changed under it. Each time somebody else got something done.
const MaxAttempts = 8
