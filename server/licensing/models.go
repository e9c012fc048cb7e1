package licensing

import (
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Record holds the members that all records of the catalogue have. The id has 24 hex digits. Each change raises the revision by one; an
// edit names the revision that it was made from and is refused if another edit came first (optimistic concurrency).
type Record struct {
	ID           license.ID
	Organisation license.ID
	Revision     int64
	Created      lease.Time
	Updated      lease.Time
	Metadata     map[string]string // for the vendor's own use; never interpreted
}

// Organisation is a vendor's account.
type Organisation struct {
	ID      license.ID
	Name    string
	Created lease.Time
}

// Product is a program that a vendor sells. Its keys are created with it.
type Product struct {
	Record
	Name        string // unique within the organisation
	Description string
	Archived    bool
	Keyring     []byte // OpenPGP certificate, binary: public keys only
	SealedKeys  []byte // private keys, sealed by the issuer
	Statement   []byte // signed text of the newest statement; empty: there is none yet
}

// Version is a release line of a product. It holds the default policy of its licenses.
type Version struct {
	Record
	Product     license.ID
	Name        string // unique within the product
	Description string
	Archived    bool
	Released    lease.Time // licenses of other versions whose maintenance lasts until then may run it; 0: only its own licenses may
	Policy      Policy
}

// PeriodKind selects when the periods of an allowance begin.
type PeriodKind string

// The kinds of period. All but PeriodFixed follow the calendar, in UTC.
const (
	PeriodDay   PeriodKind = "day"
	PeriodWeek  PeriodKind = "week" // from Monday
	PeriodMonth PeriodKind = "month"
	PeriodYear  PeriodKind = "year"
	PeriodFixed PeriodKind = "fixed" // of the policy's length, one after another from the creation of the license
)

// CloneAction selects what the server does when two holders of one activation were detected.
type CloneAction string

// The actions on clones. Each also records an event.
const (
	CloneRefuse  CloneAction = "refuse"  // refuse the newcomer; the holder of the chain continues
	CloneSuspend CloneAction = "suspend" // refuse both until the vendor clears the evidence
	CloneReport  CloneAction = "report"  // refuse neither
)

// Status is the vendor's decision on a license.
type Status string

// The statuses. A suspended license can be reinstated; revoking is final.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Revoked   Status = "revoked"
)

// License is a right to use a version of a product, sold to a customer.
type License struct {
	Record
	Product       license.ID
	Version       license.ID
	Name          string
	Customer      string
	CustomerID    license.ID // record of the customer; empty: only the name is known
	Contexts      []string
	Entitlements  []license.Entitlement
	Allowance     int64      // calls over the whole life or, if the policy has periods, in each period; for policy types that count calls
	Expires       lease.Time // for policy types that expire; 0 while a term that counts from the first activation has not begun
	Term          Term
	Trial         bool
	Maintenance   lease.Time // versions of the product that were released until then are licensed too; 0: none
	Status        Status
	Archived      bool // no longer usable; unarchiving restores it unchanged
	Overrides     Overrides
	Fingerprint   []lease.FingerprintPart // of the only machine it is valid for; empty: any machine
	Holds         []Hold                  // slots reserved in advance
	RecentHistory []HistoryEntry          // the latest entries of the history, oldest first
}

// Term is a validity that is given as a duration instead of an end date.
type Term struct {
	After int64    `json:"after"` // milliseconds; 0: no term, the license has an end date or none
	From  TermFrom `json:"from"`
}

// TermFrom selects when a term begins.
type TermFrom string

// The beginnings of a term.
const (
	FromCreation   TermFrom = "creation"
	FromActivation TermFrom = "activation" // the first activation of the license
)

// LicenseContext holds the records that a sync of a license reads. They change only when the vendor edits one of them, so a store may
// cache them.
type LicenseContext struct {
	License License
	Version Version // its policy without the overrides
	Product Product
}

// ActivationKey identifies the activation of a license by one installation.
type ActivationKey struct {
	License    license.ID
	Activation lease.Hash
}

// Activation is the server's record of one installation of a license.
type Activation struct {
	ActivationKey
	Organisation            license.ID
	Device                  string         // Ed25519 public key, hex
	Head                    lease.Position // of the last lease
	Request                 lease.Hash     // of the request that the last lease answers
	Lease                   lease.Document // the last lease, unsigned; it is signed again when the same request is sent again
	Counted                 int64          // calls that this activation reported and that were accepted
	Charged                 int64          // calls of this activation that were charged: Counted and what was prepaid on top
	Created                 lease.Time
	LastSync                lease.Time
	Closed                  lease.Time // by goodbye or deactivation, 0: open; the record stays as a tombstone
	Name                    string     // given by the vendor
	ReactivationCount       int64      // re-activations in the current long window
	ReactivationWindowStart lease.Time // start of that window
	Reactivations           ReactivationHistory
	LastReport              LastReport
}

// ReactivationHistory records the earlier chains of an activation, as evidence of clones. It changes only with re-activations.
type ReactivationHistory struct {
	// Revision is raised by each change; a change names the revision that it was made from.
	Revision int64 `json:"turn,omitempty"`
	// ClosedHead is the last lease of the chain that the latest re-activation closed. An installation that shows it held that chain until
	// then, and another one has re-activated since.
	ClosedHead      lease.Position `json:"left"`
	Alternations    int64          `json:"alternations,omitempty"` // number of times that this was detected
	LastAlternation lease.Time     `json:"alternated_at,omitempty"`
	ClonedSince     lease.Time     `json:"cloned,omitempty"` // since when both holders are refused; 0: they are not
	// when the vendor cleared the evidence; the fingerprint of the next sync is accepted whatever it is
	ClearedAt lease.Time `json:"forgiven,omitempty"`
	Evidence  []Evidence `json:"evidence,omitempty"` // of the latest re-activations and refusals, oldest first
}

// Evidence records one re-activation, or the refusal of a changed machine. It is kept for at most ninety days.
type Evidence struct {
	Time         lease.Time     `json:"time"`
	Request      lease.Hash     `json:"request"`
	Shown        lease.Position `json:"shown"` // position of the lease that the installation showed
	Address      string         `json:"address,omitempty"`
	ChangedParts []string       `json:"differs,omitempty"` // names of fingerprint parts that differ from the last holder's
	Alternation  bool           `json:"alternation,omitempty"`
	Refused      bool           `json:"refused,omitempty"`
	Code         license.Code   `json:"code,omitempty"` // of the refusal
}

// LastReport holds what the holder of the chain reported of itself with its last accepted request.
type LastReport struct {
	Address     string                  `json:"address,omitempty"`
	Fingerprint []lease.FingerprintPart `json:"fingerprint,omitempty"`
	Changed     []string                `json:"changed,omitempty"`    // names of the parts that differed at the last change
	ChangedAt   lease.Time              `json:"changed_at,omitempty"` // time of that change
	Statistics  *lease.Statistics       `json:"statistics,omitempty"`
}

// Epoch numbers the histories of a server: each restore of a backup begins a new one (spec/lease.md).
type Epoch struct {
	Value int64
	Since lease.Time // when it began; 0: it is the first one, or an administrator has ended the freeze after a restore
}

// Reservation is a slot of an entitlement that an activation holds until a deadline.
type Reservation struct {
	ActivationKey
	Entitlement string
	Context     string // in which it was first reserved
	Since       lease.Time
	Until       lease.Time
}

// FingerprintAction selects what is done about a machine of which more parts have changed than the policy tolerates.
type FingerprintAction string

// The actions on changed machines. The changes are recorded in any case.
const (
	FingerprintReport FingerprintAction = "report" // record the changes only
	FingerprintRefuse FingerprintAction = "refuse" // refuse the sync
)

// HistoryEntry records one change of a license: what was requested and the limits of the license after it.
type HistoryEntry struct {
	Key  string      `json:"key"` // the caller's idempotency key, or one made from kind and time
	Kind HistoryKind `json:"kind"`
	Time lease.Time  `json:"time"`

	Extend           int64      `json:"extend,omitempty"`      // a renewal: milliseconds
	Calls            int64      `json:"calls,omitempty"`       // a renewal: on top of the allowance
	MaintenanceAdded int64      `json:"maintained,omitempty"`  // a renewal: milliseconds of maintenance
	From             string     `json:"from,omitempty"`        // a transfer: the customer before
	To               string     `json:"to,omitempty"`          // a transfer: the customer after
	FromID           license.ID `json:"from_id,omitempty"`     // a transfer: the record of the customer before
	ToID             license.ID `json:"to_id,omitempty"`       // a transfer: and after
	Expires          lease.Time `json:"expires,omitempty"`     // of the license, after
	Allowance        int64      `json:"allowance,omitempty"`   // of the license, after
	Maintenance      lease.Time `json:"maintenance,omitempty"` // of the license, after
}

// HistoryKind is the kind of a change in the history of a license.
type HistoryKind string

// The kinds of history entries.
const (
	Started     HistoryKind = "started"     // the term began with the first activation
	Renewed     HistoryKind = "renewed"     // time, calls or maintenance were added
	Transferred HistoryKind = "transferred" // the license was given to another customer
)

// Hold reserves slots of an entitlement in advance, for an installation or for all machines with a given part. Holds are stored in the
// license, so that a grant that was decided before a hold was made is decided again (the license's revision has changed).
type Hold struct {
	ID          license.ID            `json:"id"`
	Entitlement string                `json:"entitlement"`
	Slots       int64                 `json:"slots"`
	Note        string                `json:"note,omitempty"`       // for people
	Activation  lease.Hash            `json:"activation,omitempty"` // the installation that it is for
	Part        lease.FingerprintPart `json:"part"`                 // otherwise: it is for installations whose fingerprint has this part
	From        lease.Time            `json:"from"`
	Until       lease.Time            `json:"until"`
}

// IsActiveAt reports whether the hold is in force.
func (h *Hold) IsActiveAt(now lease.Time) bool { return h.From <= now && now < h.Until }

// StartTerm sets the end of a new license from its term, if the term counts from the creation. It returns an *Invalid if the license has
// both a term and an end.
func (l *License) StartTerm() error {
	if l.Term.After == 0 {
		l.Term = Term{}
		return nil
	}
	if l.Expires != 0 {
		return NewInvalid("expires_after_ms", "is given together with expires; give one of them")
	}
	if l.Term.From == "" {
		l.Term.From = FromCreation
	}
	if l.Term.From == FromCreation {
		l.Expires = l.Created + lease.Time(l.Term.After)
	}
	return nil
}

// AwaitsFirstActivation reports whether the license has a term that begins with its first activation, which has not taken place.
func (l *License) AwaitsFirstActivation() bool {
	return l.Term.From == FromActivation && l.Expires == 0
}
