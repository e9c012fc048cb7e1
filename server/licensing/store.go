package licensing

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// The errors of a store that are not failures of the store.
var (
	ErrNotFound = errors.New("record not found")
	ErrExists   = errors.New("a record with this name or id exists")
	ErrStale    = errors.New("the record was changed since it was read")
	ErrInUse    = errors.New("the record has dependent records")

	// ErrUnavailable is returned when the store cannot be reached or cannot write at present; the same request may succeed later.
	ErrUnavailable = errors.New("the store is unavailable")
)

// Listing is one page of a list. Next is the cursor of the following page, empty at the end.
type Listing[T any] struct {
	Items []T
	Next  string
}

// Store keeps all records. Each operation keeps its invariants by itself, whatever runs concurrently on this node or another, and its
// effect survives a crash once it has returned. The package store/storetest tests this contract.
//
// Reads that name an organisation return ErrNotFound for records of other organisations.
type Store interface {
	CatalogStore
	SyncStore
	EntryStore
	Ready(context.Context) error // returns nil while the store can be written
	Close() error
}

// CatalogStore keeps the records that a vendor edits. Create returns ErrExists if the name is taken. Update raises the revision and returns
// ErrStale if the stored revision is not the given one. Delete does the same unless the given revision is 0, and returns ErrInUse while
// there are dependent records; deleting a license also deletes its activations.
type CatalogStore interface {
	CreateOrganisation(context.Context, Organisation) error
	Organisation(ctx context.Context, id license.ID) (Organisation, error)

	CreateProduct(context.Context, Product) error
	Product(ctx context.Context, org, id license.ID) (Product, error)
	Products(ctx context.Context, org license.ID, page Page) (Listing[Product], error)
	UpdateProduct(context.Context, Product) (Product, error)
	DeleteProduct(ctx context.Context, org, id license.ID, revision int64) error
	// ProductKeyring returns the certificate of a product of any organisation; it is public.
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

// SyncStore keeps what syncs read and write, on the hot path.
type SyncStore interface {
	// ProductWithKeys returns a product of any organisation with its keys, to sign the refusal of an unknown license.
	ProductWithKeys(ctx context.Context, product license.ID) (Product, error)
	// LicenseContext returns the records that a sync of the license needs; ErrNotFound if there is no such license.
	LicenseContext(ctx context.Context, id license.ID) (LicenseContext, error)
	// Meter returns the counters that all activations of a license share.
	Meter(ctx context.Context, id license.ID) (Meter, error)
	// LastSync returns the time of the latest sync of any activation of a license; 0: there was none.
	LastSync(ctx context.Context, id license.ID) (lease.Time, error)
	// Activation returns an activation, also a closed one; ErrNotFound if there is none.
	Activation(context.Context, ActivationKey) (Activation, error)
	Activations(ctx context.Context, org, license license.ID, page Page) (Listing[Activation], error)
	Reservations(ctx context.Context, org, license license.ID, page Page) (Listing[Reservation], error)
	// Advance stores one accepted request atomically; see the type Advance.
	Advance(context.Context, Advance) (AdvanceResult, error)
	// NameActivation sets the vendor's name of an activation, which searches look through.
	NameActivation(ctx context.Context, org license.ID, key ActivationKey, name string) error
	// Deactivate closes an activation for the vendor, frees its reservations and releases its place among the machines (Meter.Release), also
	// if the installation has vacated that before. It is idempotent.
	Deactivate(ctx context.Context, org license.ID, key ActivationKey, now lease.Time) error
	// FreeReservation ends one reservation for the vendor. It is idempotent.
	FreeReservation(ctx context.Context, org license.ID, key ActivationKey, entitlement string, now lease.Time) error
	// SaveReactivationHistory replaces the history of an activation. It returns ErrStale unless the head is the given one and the stored
	// history's revision is one less than the new one's. With resetBudget it also resets the budget of
	// re-activations.
	SaveReactivationHistory(ctx context.Context, key ActivationKey, head lease.Position, history ReactivationHistory, resetBudget bool) error

	// Epoch returns the epoch of the server, which all nodes share; the first call sets its value to first.
	Epoch(ctx context.Context, first int64) (Epoch, error)
	// RaiseEpoch begins an epoch above the given one at the time now, unless the epoch is higher already, and returns the current one.
	RaiseEpoch(ctx context.Context, above int64, now lease.Time) (Epoch, error)
	// EndFreeze sets Since of the epoch to 0 if its value is still the given one.
	EndFreeze(ctx context.Context, value int64) error
}

// Advance moves the chain of one activation on by one lease. The store applies it only if the activation's head is From, the license's
// revision is the given one and the activation is not closed; otherwise it returns ErrStale, and the domain reads again and decides anew.
// It is never applied twice for one To: the same request again is replayed with the lease that is stored.
//
//   - UsageCharge is applied to the activation's totals and the license's meter (Meter.Charge).
//   - Reservations that are held and not released are renewed to Until, or keep their deadline if that is later. Each request in Reserve is
//     granted, until its own Until, if a slot is free or already held. Slots past their deadline are free, also for their last holder.
//   - NewActivation is set for a first activation: From is zero and no record may exist, or From is the head of a closed activation, which
//     begins its next generation. Meter.Join may refuse it.
//   - Reactivation is set for a re-activation: reservations and machine stay, the history is replaced (ErrStale unless the stored one's
//     revision is one less), and the budget is charged (refused with restored_too_often).
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

// AdvanceResult is the result of an Advance.
type AdvanceResult struct {
	Document lease.Document // the lease as it is stored
	Outcome  Outcome        // zero if it was replayed
	Replayed bool           // the same request had been stored before: the document is the lease of then
}

// ReservationRequest asks for one slot.
type ReservationRequest struct {
	lease.Slot
	Slots int64 // that may be held at a time, less those reserved for others; Unlimited: grant it whatever others hold
	Until lease.Time
}

// ActivationLimits are the limits of a first activation.
type ActivationLimits struct {
	Limit          Limit // in each window
	Window         int64 // milliseconds
	MaxMachines    Limit // activated at the same time
	TransferLimit  Limit // in each window of transfers
	TransferWindow int64 // milliseconds
	Elsewhere      bool  // on another machine than the closed activation's, whose vacated place it cannot take back
}

// ReactivationLimits are the limits of re-activations.
type ReactivationLimits struct {
	Budget  int64
	Window  int64               // milliseconds
	History ReactivationHistory // of the activation, after the re-activation
}

// Outcome holds what an Advance has charged and reserved.
type Outcome struct {
	Used             int64  // calls of the license, after it
	Counted          int64  // calls of the activation, after it
	Charged          int64  // calls charged for the activation, after it: Counted and what is prepaid
	UsedBeforePeriod int64  // calls of the license when the current period of its allowance began
	ClosedPeriod     Period // the period that the advance has closed, if anything was charged in it
	Reservations     []lease.Reservation
	Denied           []lease.Denial // with the code no_slots; other denials are decided before
}

// LimitError is the refusal of a limit that the store enforces, with the time from which a retry may succeed (0: unknown).
type LimitError struct {
	Code    license.Code
	Detail  string
	RetryAt lease.Time
}

func (e *LimitError) Error() string { return e.Unwrap().Error() }

// Unwrap returns the *license.Error with the code.
func (e *LimitError) Unwrap() error { return &license.Error{Code: e.Code, Detail: e.Detail} }

// IgnoreNotFound returns err, or nil if it is ErrNotFound or ErrStale: the record has gone or was replaced.
func IgnoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrStale) {
		return nil
	}
	return err
}

// Reader holds the reads that the catalogue passes on to the store.
type Reader interface {
	Organisation(ctx context.Context, id license.ID) (Organisation, error)
	Product(ctx context.Context, org, id license.ID) (Product, error)
	Products(ctx context.Context, org license.ID, page Page) (Listing[Product], error)
	Version(ctx context.Context, org, id license.ID) (Version, error)
	Versions(ctx context.Context, org, product license.ID, page Page) (Listing[Version], error)
	License(ctx context.Context, org, id license.ID) (License, error)
	Licenses(ctx context.Context, org license.ID, filter LicenseFilter, page Page) (Listing[License], error)
}

// MaxAttempts is the number of times that an operation is decided anew because records were changed concurrently. Each time another
// operation has succeeded.
const MaxAttempts = 8
