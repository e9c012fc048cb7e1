// Package lease implements the protocol between client and server (spec/lease.md): the client signs a Request, the server answers with a
// signed Lease or Refusal.
//
// A client makes a request with Request.Sign and reads the answer with Open, which verifies before it parses. A server reads the request
// with OpenRequest and signs the Document of its answer. A product's keyring, its newest Statement and a relay's Delegation are attached
// to an answer. Every document is one line of JSON and one line of base64, its signature: the same two lines on the wire, in a store and
// in a file. A document is accepted only if writing it again gives the same bytes, so that there is one way to say a thing: no unknown,
// repeated or reordered member gets through.
package lease

import "github.com/onelicense/onelicense/license"

// The types of document. The type is the first member of a document and is checked before anything else. It keeps a signature
// of one kind of document from being used for another.
const (
	TypeRequest    = "onelicense/request/1"
	TypeLease      = "onelicense/lease/1"
	TypeRefusal    = "onelicense/refusal/1"
	TypeStatement  = "onelicense/statement/1"
	TypeDelegation = "onelicense/delegation/1"
)

// Limits of the documents (spec/lease.md, "Limits").
const (
	MaxLease             = 4096      // bytes of a lease or refusal, without its signature
	MaxRequest           = 16384     // bytes of a whole request text; it carries the last lease
	MaxStatement         = 1 << 20   // bytes of a statement, without its signature
	MaxStatisticsNumbers = 16        // numbers in a request's statistics
	MaxFingerprintParts  = 16        // parts of a fingerprint
	MaxStatisticsText    = 64        // bytes of one text in statistics
	MaxCount             = 1<<53 - 1 // the largest counter: JavaScript numbers are exact up to here
	RefusalLifetime      = 5 * 60 * 1000
)

// Time is milliseconds since 1970-01-01T00:00:00Z; 0 means never or not set.
type Time int64

// Slot identifies one reservation of an activation: an activation holds at most one slot of an entitlement per license. The context is
// the one it was first reserved in; all other contexts of the license share the slot.
type Slot struct {
	Entitlement string `json:"entitlement"`
	Context     string `json:"context"`
}

// Reservation is a slot that is held until a deadline. Every sync extends it.
type Reservation struct {
	Slot
	Until Time `json:"until"`
}

// ReservationRequest asks for a slot. Borrow, in ms, asks for a deadline beyond the lease's own, so that the slot can be used offline.
type ReservationRequest struct {
	Slot
	Borrow int64 `json:"borrow,omitempty"`
}

// Denial is a requested slot that was not granted, with its code (no_slots, unknown_entitlement, context_not_allowed, lease_full, frozen,
// borrow_not_allowed).
type Denial struct {
	Slot
	Code license.Code `json:"code"`
}

// PolicyType names the limits of a license: by calls, by time, by both, or none.
type PolicyType string

// The policy types.
const (
	Calls        PolicyType = "calls"
	Timed        PolicyType = "time"
	TimeAndCalls PolicyType = "time_and_calls"
	Perpetual    PolicyType = "perpetual"
)

// LimitsCalls reports whether calls are limited by the allowance.
func (t PolicyType) LimitsCalls() bool { return t == Calls || t == TimeAndCalls }

// LimitsTime reports whether the license has an end.
func (t PolicyType) LimitsTime() bool { return t == Timed || t == TimeAndCalls }

// Trigger says when usage is synced: with each call, or at intervals.
type Trigger string

// The triggers.
const (
	EveryCall Trigger = "every_call"
	Interval  Trigger = "interval"
)

// Settings is the part of the policy that the client needs. Durations are milliseconds.
type Settings struct {
	Type            PolicyType `json:"type"`
	Trigger         Trigger    `json:"trigger"`
	Interval        int64      `json:"interval"`             // between syncs; with every_call between heartbeats
	MaxRetries      int        `json:"max_retries"`          // failed syncs in a row before the grace; 0: none
	Grace           int64      `json:"grace"`                // how long the program may continue after the retries
	ActivationDelay int64      `json:"activation_delay"`     // how long the client waits after an activation
	ClockTolerance  int64      `json:"clock_tolerance"`      // how far the clock may be behind the latest signed time
	JournalEvery    int64      `json:"journal_every"`        // calls between two journal writes
	Prepaid         int64      `json:"prepaid,omitempty"`    // calls granted in advance, charged when granted; 0: charged when reported
	Statistics      bool       `json:"statistics,omitempty"` // the client reports its statistics with each sync
}

// Counters holds the server's account. It takes precedence over the client's.
type Counters struct {
	Used      int64 `json:"used"`              // calls of the license, by all activations
	Allowance int64 `json:"allowance"`         // calls allowed; only meaningful when the type counts calls
	Counted   int64 `json:"counted"`           // calls of this activation, as accepted
	Granted   int64 `json:"granted,omitempty"` // prepaid: calls of this activation that are paid for; it may count up to here
}

// Remaining returns how many calls the license still allows, as of this lease.
func (c Counters) Remaining() int64 { return max(0, c.Allowance-c.Used) }

// Lease is the server's answer to an accepted request. It is also the receipt for the usage that it confirms.
type Lease struct {
	Type         string        `json:"type"`
	Product      license.ID    `json:"product"`
	License      license.ID    `json:"license"`
	Activation   Hash          `json:"activation"`
	Generation   int64         `json:"generation"`
	Number       int64         `json:"number"`
	Link         Hash          `json:"link"`
	Request      Hash          `json:"request"` // hash of the request that it answers
	Nonce        string        `json:"nonce"`   // of the request
	Time         Time          `json:"time"`    // the server's clock
	Epoch        int64         `json:"epoch"`
	Verdict      license.Code  `json:"verdict"` // ok or exhausted
	Settings     Settings      `json:"settings"`
	Counters     Counters      `json:"counters"`
	Expires      Time          `json:"expires"`
	Reservations []Reservation `json:"reservations,omitempty"` // all that the activation holds
	Denied       []Denial      `json:"denied,omitempty"`       // requested slots that were not granted
	List         *StatementRef `json:"list,omitempty"`         // the product's newest statement; none: there is none
	NotAfter     Time          `json:"not_after"`              // end of the lease: Time, the interval and the grace
}

// StatementRef names a Statement, which is attached to the lease when the client's is older.
type StatementRef struct {
	Number int64 `json:"number"`
	Hash   Hash  `json:"hash"` // of its whole signed text
}

// Refusal is the server's signed refusal. It changed nothing on the server, and is valid for RefusalLifetime.
type Refusal struct {
	Type       string       `json:"type"`
	Product    license.ID   `json:"product"`
	License    license.ID   `json:"license"`
	Activation Hash         `json:"activation"`
	Request    Hash         `json:"request"`
	Nonce      string       `json:"nonce"`
	Time       Time         `json:"time"`
	Epoch      int64        `json:"epoch"`
	Code       license.Code `json:"code"`
	Detail     string       `json:"detail,omitempty"`     // what decided it, for people
	RetryAt    Time         `json:"retry_at,omitempty"`   // class retry-at: not before
	Generation int64        `json:"generation,omitempty"` // stale_state: the generation that the server knows
	Challenge  string       `json:"challenge,omitempty"`  // stale_state: lets the holder re-activate as the next generation
	NotAfter   Time         `json:"not_after"`
}

// Request is the only message that a client sends. The first one activates, Want and Drop reserve and release, a request with nothing new
// is a heartbeat, and one with Goodbye is the last.
type Request struct {
	Type        string               `json:"type"`
	Product     license.ID           `json:"product"`
	Version     license.ID           `json:"version"`
	License     license.ID           `json:"license"`
	Device      string               `json:"device"` // Ed25519 public key, 64 hex digits
	Nonce       string               `json:"nonce"`  // 32 hex digits, never used twice
	Generation  int64                `json:"generation"`
	Number      int64                `json:"number"`   // of the lease asked for
	Previous    Hash                 `json:"previous"` // link of the lease that it follows; OriginLink at number 1
	Epoch       int64                `json:"epoch"`    // the highest epoch seen
	Time        Time                 `json:"time"`     // the client's clock; evidence only
	Counted     int64                `json:"counted"`  // calls of this activation since it was made, cumulative
	Want        []ReservationRequest `json:"want,omitempty"`
	Drop        []Slot               `json:"drop,omitempty"`
	Goodbye     bool                 `json:"goodbye,omitempty"`     // releases everything, and the activation with it
	Challenge   string               `json:"challenge,omitempty"`   // re-activation: of the stale_state refusal that asked for it
	Refused     Hash                 `json:"refused,omitempty"`     // re-activation: hash of the refused request
	Keyring     Hash                 `json:"keyring,omitempty"`     // hash of the client's certificate; empty: none
	List        int64                `json:"list,omitempty"`        // number of the client's statement; 0: none
	Fingerprint []FingerprintPart    `json:"fingerprint,omitempty"` // of the machine; evidence, which the policy may check
	Statistics  *Statistics          `json:"statistics,omitempty"`  // if the settings ask for them
	Lease       string               `json:"lease,omitempty"`       // the last lease as it was signed
}

// FingerprintPart is one part of a machine's fingerprint: its name, and an HMAC of its value under the license's id, so that a server
// cannot learn the value or link two licenses by it.
type FingerprintPart struct {
	Name string `json:"name"`
	Hash string `json:"hash"` // 32 hex digits
}

// Statistics holds what the program reports about itself: texts that the host and the vendor choose, and the program's own numbers.
type Statistics struct {
	Program  string        `json:"program,omitempty"`  // version of the program
	Platform string        `json:"platform,omitempty"` // such as linux/amd64
	Host     string        `json:"host,omitempty"`     // the host's package and its version
	Numbers  []NamedNumber `json:"numbers,omitempty"`
}

// NamedNumber is one of the program's own numbers.
type NamedNumber struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}
