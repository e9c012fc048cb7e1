package licensing

import (
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Every record has an id of 24 hex digits, belongs to one organisation, and carries a revision that each change raises by one: an
// edit names the revision that it was made from and is refused if another came first.

// Record is what all records of the catalogue have.
type Record struct {
	ID           license.ID
	Organisation license.ID
	Revision     int64
	Created      lease.Time
	Updated      lease.Time
	Metadata     map[string]string // the vendor's own; never interpreted
}

// Organisation is a vendor's account.
type Organisation struct {
	ID      license.ID
	Name    string
	Created lease.Time
}

// Product is what the vendor sells. Its keyring is made with it.
type Product struct {
	Record
	Name        string // unique within the organisation
	Description string
	Archived    bool
	Keyring     []byte // the OpenPGP certificate, binary: public keys only
	SealedKeys  []byte // its private keys, sealed by the issuer
	Statement   []byte // the signed text of its newest statement; empty: it has said nothing yet
}

// Version is one release line of a product; it carries the default policy.
type Version struct {
	Record
	Product     license.ID
	Name        string // unique within the product
	Description string
	Archived    bool
	Released    lease.Time // licenses with maintenance until then or later are good for it too; 0: only its own
	Policy      Policy
}

// Policy is how licenses of a version behave. Durations are milliseconds.
type Policy struct {
	lease.Settings
	ActivationLimit      int64             `json:"activation_limit"`      // new activations in each window of Interval; 0: none is allowed
	MaxMachines          int64             `json:"max_machines"`          // activated installations at a time; 0: no limit
	TrialOnce            bool              `json:"trial_once"`            // each customer tries the product once
	MoveLimit            int64             `json:"move_limit"`            // how often another installation may take a place that one gave up, in each long window; 0: no limit
	Period               PeriodKind        `json:"period"`                // of the allowance; empty: it is for the whole life
	PeriodLength         int64             `json:"period_length"`         // of periods of a fixed length
	MaxBorrow            int64             `json:"max_borrow"`            // how long a slot may be borrowed; 0: not at all
	FingerprintAction    FingerprintAction `json:"fingerprint_action"`    // what is done about a machine that has changed; empty: report
	FingerprintTolerance int64             `json:"fingerprint_tolerance"` // how many parts may change from one sync to the next
	Queue                int64             `json:"queue"`                 // how long who was denied a slot keeps its place in line without asking again; 0: there is no line
	CloneAction          CloneAction       `json:"clone_action"`          // what is done about two holders of one activation
	CloneLimit           int64             `json:"clone_limit"`           // how often two holders must have taken turns to be called that
}

// PeriodKind says when the periods of an allowance begin.
type PeriodKind string

// The kinds of period. All but the fixed are the calendar's, in UTC.
const (
	PeriodDay   PeriodKind = "day"
	PeriodWeek  PeriodKind = "week" // from Monday
	PeriodMonth PeriodKind = "month"
	PeriodYear  PeriodKind = "year"
	PeriodFixed PeriodKind = "fixed" // one after another of the policy's length, from the license's creation on
)

// CloneAction is what the server does when two holders of one activation have shown themselves.
type CloneAction string

// The actions. Each is reported to the vendor.
const (
	CloneRefuse  CloneAction = "refuse"  // the newcomer; who holds the chain goes on
	CloneSuspend CloneAction = "suspend" // both, until the vendor lifts it
	CloneReport  CloneAction = "report"  // neither
)

// Status of a license.
type Status string

// The statuses. Suspended can be reinstated; revoked is for good.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
	Revoked   Status = "revoked"
)

// License is what a customer holds.
type License struct {
	Record
	Product       license.ID
	Version       license.ID
	Name          string
	Customer      string
	CustomerID    license.ID // the customer's record; empty: the name is all that is known
	Contexts      []string
	Entitlements  []license.Entitlement
	Allowance     int64      // calls, over the whole life; for the policy types that count
	Expires       lease.Time // for the policy types that expire; 0 before a term that counts from the first activation has begun
	Term          Term
	Trial         bool
	Maintenance   lease.Time // other versions of the product that were released until then are good too; 0: none
	Status        Status
	Archived      bool // put away: it is no longer used, and can be taken out again as it was
	Overrides     Overrides
	Fingerprint   []lease.FingerprintPart // of the machine that it is good for; none: of any
	Holds         []Hold                  // slots that are kept for who has not come yet
	RecentHistory []HistoryEntry          // the latest of its history, oldest first (history.go)
}

// Term is how long a license is good, where its end is no date from the start.
type Term struct {
	After int64    `json:"after"` // milliseconds; 0: the license has no term, only an end
	From  TermFrom `json:"from"`
}

// TermFrom says when a term begins.
type TermFrom string

// The beginnings of a term.
const (
	FromCreation   TermFrom = "creation"
	FromActivation TermFrom = "activation" // the first one of the license
)

// Overrides replaces single values of the version's policy for one license; nil leaves the version's.
type Overrides struct {
	Trigger              *lease.Trigger     `json:"trigger,omitempty"`
	Interval             *int64             `json:"interval,omitempty"`
	MaxRetries           *int               `json:"max_retries,omitempty"`
	Grace                *int64             `json:"grace,omitempty"`
	ActivationDelay      *int64             `json:"activation_delay,omitempty"`
	ActivationLimit      *int64             `json:"activation_limit,omitempty"`
	MaxMachines          *int64             `json:"max_machines,omitempty"`
	MoveLimit            *int64             `json:"move_limit,omitempty"`
	Queue                *int64             `json:"queue,omitempty"`
	MaxBorrow            *int64             `json:"max_borrow,omitempty"`
	Prepaid              *int64             `json:"prepaid,omitempty"`
	FingerprintAction    *FingerprintAction `json:"fingerprint_action,omitempty"`
	FingerprintTolerance *int64             `json:"fingerprint_tolerance,omitempty"`
	CloneAction          *CloneAction       `json:"clone_action,omitempty"`
}

// LicenseContext is all that a sync needs to know about a license. It changes only when the vendor edits something, so a store may keep it at hand.
type LicenseContext struct {
	License License
	Version Version // with its policy before the overrides
	Product Product
}

// ActivationKey names one installation's activation of one license.
type ActivationKey struct {
	License    license.ID
	Activation lease.Hash
}

// Activation is what the server knows of one installation.
type Activation struct {
	ActivationKey
	Organisation            license.ID
	Device                  string         // Ed25519 public key, hex
	Head                    lease.Position // of the last lease
	Request                 lease.Hash     // that the last lease answers
	Lease                   lease.Document // the last lease, to be signed again when the request comes again
	Counted                 int64          // calls of this activation, as accepted
	Charged                 int64          // calls of this activation that were charged: Counted, and what was prepaid on top
	Created                 lease.Time
	LastSync                lease.Time
	Closed                  lease.Time // goodbye or deactivation; the record stays as a tombstone
	Name                    string     // the vendor's
	ReactivationCount       int64      // re-activations in the present long window
	ReactivationWindowStart lease.Time // its start
	Reactivations           ReactivationHistory
	LastReport              LastReport
}

// ReactivationHistory is what the earlier chains of an activation have left behind. It changes with re-activations only.
type ReactivationHistory struct {
	// Revision rises with each change, and each change names the one that it was made from.
	Revision int64 `json:"turn,omitempty"`
	// ClosedHead is the last lease of the chain that the latest re-activation closed. Who shows it held that chain until then, and comes
	// back to find that another has activated anew.
	ClosedHead      lease.Position `json:"left"`
	Alternations    int64          `json:"alternations,omitempty"` // how often that happened
	LastAlternation lease.Time     `json:"alternated_at,omitempty"`
	ClonedSince     lease.Time     `json:"cloned,omitempty"`   // since when both holders are refused
	ClearedAt       lease.Time     `json:"forgiven,omitempty"` // by the vendor; a machine that comes for the first time after it may be any
	Evidence        []Evidence     `json:"evidence,omitempty"` // the latest re-activations, and those that were refused as cloned; oldest first
}

// Evidence is what is known of one re-activation, or of a machine that was refused as another. It is kept ninety days at most.
type Evidence struct {
	Time         lease.Time     `json:"time"`
	Request      lease.Hash     `json:"request"`
	Shown        lease.Position `json:"shown"` // the lease that was shown
	Address      string         `json:"address,omitempty"`
	ChangedParts []string       `json:"differs,omitempty"` // parts of the fingerprint that are not the last holder's
	Alternation  bool           `json:"alternation,omitempty"`
	Refused      bool           `json:"refused,omitempty"`
	Code         license.Code   `json:"code,omitempty"` // that it was refused with
}

// LastReport is what the holder of the chain last told of itself.
type LastReport struct {
	Address     string                  `json:"address,omitempty"`
	Fingerprint []lease.FingerprintPart `json:"fingerprint,omitempty"`
	Changed     []string                `json:"changed,omitempty"`    // parts of it that were others before, when any changed last
	ChangedAt   lease.Time              `json:"changed_at,omitempty"` // when that was
	Statistics  *lease.Statistics       `json:"statistics,omitempty"`
}

// Epoch numbers the histories of a server: each restore begins a new one (spec/lease.md).
type Epoch struct {
	Value int64
	Since lease.Time // when it began; 0: the first, or an administrator has said that no lease of an earlier one matters any more
}

// Reservation is one slot of an entitlement, held by one activation until a deadline.
type Reservation struct {
	ActivationKey
	Entitlement string
	Context     string // the one it was first reserved in
	Since       lease.Time
	Until       lease.Time
}

// FingerprintAction is what is done about a machine of which more parts have changed than the policy tolerates.
type FingerprintAction string

// The actions. What has changed is kept for the vendor in any case.
const (
	FingerprintReport FingerprintAction = "report" // nothing else
	FingerprintRefuse FingerprintAction = "refuse"
)

// HistoryEntry is one thing that happened to a license: what was asked for, and what the license was after it.
type HistoryEntry struct {
	Key  string      `json:"key"` // the caller's own, so that the same again does nothing; else the time
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

// HistoryKind says what happened.
type HistoryKind string

// The kinds of history entries.
const (
	Started     HistoryKind = "started"     // its term began, with its first activation
	Renewed     HistoryKind = "renewed"     // it was given more time, calls or maintenance
	Transferred HistoryKind = "transferred" // it is another customer's
)

// Hold keeps slots of an entitlement for a user or a machine that has not come yet. Holds stand in the license: a grant that was decided
// before one was made is decided again.
type Hold struct {
	ID          license.ID            `json:"id"`
	Entitlement string                `json:"entitlement"`
	Slots       int64                 `json:"slots"`
	Note        string                `json:"note,omitempty"`       // for people: who it is for
	Activation  lease.Hash            `json:"activation,omitempty"` // the installation that it is for,
	Part        lease.FingerprintPart `json:"part"`                 // or any whose fingerprint has this part
	From        lease.Time            `json:"from"`
	Until       lease.Time            `json:"until"`
}

// IsActiveAt tells whether the hold is in force.
func (h *Hold) IsActiveAt(now lease.Time) bool { return h.From <= now && now < h.Until }

// StartTerm gives a new license the end of its term, if the term counts from the creation.
func (l *License) StartTerm() error {
	if l.Term.After == 0 {
		l.Term = Term{}
		return nil
	}
	if l.Expires != 0 {
		return NewInvalid("expires_after", "is given beside expires: one of them is the end")
	}
	if l.Term.From == "" {
		l.Term.From = FromCreation
	}
	if l.Term.From == FromCreation {
		l.Expires = l.Created + lease.Time(l.Term.After)
	}
	return nil
}

// AwaitsFirstActivation tells whether the license has a term that nobody's activation has begun yet.
func (l *License) AwaitsFirstActivation() bool {
	return l.Term.From == FromActivation && l.Expires == 0
}
