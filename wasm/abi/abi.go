// Package abi defines the calls between the client core and its hosts (spec/abi.md): a host passes a Call to the module and gets a Reply.
//
// A host makes one client with OpNew, feeds it events with OpStep and carries out the returned effects in their order. It makes no
// decisions: there are four effects, and every answer to the program is one of them.
package abi

import (
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Version is the version of the ABI; a host refuses a module with another one.
const Version = 1

// MaxCall is the largest call in bytes; alloc refuses more. A whole directory of license files fits.
const MaxCall = 4 << 20

// The operations.
const (
	OpNew     = "new"     // Config, Random, State → Handle, Status
	OpStep    = "step"    // Handle, Event → Effects
	OpStatus  = "status"  // Handle → Status
	OpClose   = "close"   // Handle
	OpVerify  = "verify"  // File, Keys, Now, List → License
	OpReceipt = "receipt" // File, Keys → Receipt: what a lease proves, also long after it has expired
	OpRoot    = "root"    // Keys → Root: the fingerprint to pin
)

// Call is a host's request to the module.
type Call struct {
	Op     string     `json:"op"`
	Handle int32      `json:"handle,omitempty"`
	Config *Config    `json:"config,omitempty"`
	State  string     `json:"state,omitempty"`  // the last saved state; empty: none
	Random []byte     `json:"random,omitempty"` // 32 fresh random bytes
	Event  *Event     `json:"event,omitempty"`
	File   []byte     `json:"file,omitempty"`
	Keys   string     `json:"keys,omitempty"` // a certificate, armored
	List   string     `json:"list,omitempty"` // the product's newest statement, if there is one at hand
	Now    lease.Time `json:"now,omitempty"`
}

// Reply is the module's answer. Error is set if the call itself was wrong; the state of the client is then unchanged.
type Reply struct {
	Handle  int32    `json:"handle,omitempty"`
	Effects []Effect `json:"effects,omitempty"`
	Status  *Status  `json:"status,omitempty"`
	License *License `json:"license,omitempty"`
	Receipt *Receipt `json:"receipt,omitempty"`
	Root    string   `json:"root,omitempty"`
	Error   *Verdict `json:"error,omitempty"`
}

// Config holds the settings of a program. The instructions page prints the first four.
type Config struct {
	ServerURL string     `json:"server_url"` // https://host/api/v1#ROOT: the fragment pins the product's root key
	ProductID license.ID `json:"product_id"`
	VersionID license.ID `json:"version_id"`
	LicenseID license.ID `json:"license_id,omitempty"` // empty when licenses come as files

	Keyring       string `json:"keyring,omitempty"`        // the product's certificate, armored; needed for files
	AllowUnpinned bool   `json:"allow_unpinned,omitempty"` // accept a server without a pinned root; always allowed on loopback
	Offline       bool   `json:"offline,omitempty"`        // no server is reached: requests and answers are exchanged by hand
	Timeout       int64  `json:"timeout,omitempty"`        // of one exchange with the server in ms; 0: 10 000

	// Fingerprint identifies the machine by parts. The values do not leave the core: the server gets HMACs under the
	// license's id.
	Fingerprint []FingerprintPart `json:"fingerprint,omitempty"`
	// Program, Platform and Host go into the statistics, which are sent only if the policy asks for them.
	Program  string `json:"program,omitempty"`
	Platform string `json:"platform,omitempty"`
	Host     string `json:"host,omitempty"`
}

// FingerprintPart is one part of a machine's fingerprint.
type FingerprintPart struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The events.
const (
	EventStart      = "start"       // Call: activate, or resume from the saved state
	EventFiles      = "files"       // Call, Files: the contents of the license directory
	EventTimer      = "timer"       // the last Wake is due
	EventReply      = "reply"       // ID, Status, Body: the answer to a Send
	EventFailed     = "failed"      // ID, Detail: a Send got no answer
	EventSaved      = "saved"       // ID: a Save is on the disk
	EventSaveFailed = "save_failed" // ID, Detail
	EventConsume    = "consume"     // Call, N
	EventReserve    = "reserve"     // Call, Context, Entitlement, Borrow
	EventRelease    = "release"     // Call, Context, Entitlement
	EventCheck      = "check"       // Call, Context (empty: any), Entitlement
	EventSync       = "sync"        // Call: now, whatever the trigger
	EventDeactivate = "deactivate"  // Call: gives the activation back
	EventShutdown   = "shutdown"    // Call: reports unreported usage and releases all holds
	EventPoll       = "poll"        // returns the effects that consume has caused
	EventStatistics = "statistics"  // Call, Numbers: replaces the program's own numbers
	EventExport     = "export"      // Call: the Notify's Body is the request, to be carried to the server by hand
	EventImport     = "import"      // Call, Body: the answer that was carried back
)

// Event is an input of the client. Now, Mono and Random are set in every event: the core has no clock and no randomness of its own.
type Event struct {
	Type   string     `json:"type"`
	Now    lease.Time `json:"now"`              // wall clock, ms since 1970
	Mono   int64      `json:"mono"`             // monotonic clock of this process, ms from any origin
	Random []byte     `json:"random,omitempty"` // 16 fresh random bytes or more

	Call        int64               `json:"call,omitempty"` // the host's number for a call of the program; its Notify carries it
	ID          int64               `json:"id,omitempty"`   // of the effect that this event answers
	N           int64               `json:"n,omitempty"`
	Context     string              `json:"context,omitempty"`
	Entitlement string              `json:"entitlement,omitempty"`
	Borrow      int64               `json:"borrow,omitempty"`      // ms for which the slot is held without the server; 0: as long as the lease
	Status      int                 `json:"status,omitempty"`      // HTTP status
	RetryAfter  int64               `json:"retry_after,omitempty"` // of the HTTP answer, in seconds
	Body        string              `json:"body,omitempty"`
	Detail      string              `json:"detail,omitempty"`
	Files       []File              `json:"files,omitempty"`
	Numbers     []lease.NamedNumber `json:"numbers,omitempty"`
}

// File is one file of the license directory. A file that could not be read has Error instead of Data.
type File struct {
	Name  string `json:"name"`
	Data  []byte `json:"data,omitempty"`
	Error string `json:"error,omitempty"`
}

// The effects.
const (
	EffectSend   = "send"   // ID, URL, Body, Timeout: POST, then reply or failed
	EffectSave   = "save"   // ID, State: replace the stored state durably, then saved or save_failed
	EffectWake   = "wake"   // In: one timer; it replaces the one before. In < 0: none
	EffectNotify = "notify" // Verdict, and Call when it answers one
)

// Effect is an order to the host.
type Effect struct {
	Type    string   `json:"type"`
	ID      int64    `json:"id,omitempty"`
	URL     string   `json:"url,omitempty"`
	Body    string   `json:"body,omitempty"`
	Timeout int64    `json:"timeout,omitempty"` // ms
	State   string   `json:"state,omitempty"`
	In      int64    `json:"in,omitempty"` // ms from the event
	Call    int64    `json:"call,omitempty"`
	Verdict *Verdict `json:"verdict,omitempty"`
}

// Verdict is an answer to the program: a row of spec/verdicts.md with its evidence. OK says whether the request is granted; AllowContinue
// whether the program may continue. The texts come from the table, so that a host needs none of its own.
type Verdict struct {
	OK            bool          `json:"ok"`
	Code          license.Code  `json:"code"`
	Class         license.Class `json:"class"`
	AllowContinue bool          `json:"allow_continue"`
	Message       string        `json:"message"`
	Detail        string        `json:"detail,omitempty"`
	Do            string        `json:"do"`
	License       license.ID    `json:"license,omitempty"`
	Context       string        `json:"context,omitempty"`
	Entitlement   string        `json:"entitlement,omitempty"`
	RetryAt       lease.Time    `json:"retry_at,omitempty"`
	File          string        `json:"file,omitempty"` // a license file that was refused

	// OfflineTolerated is set, with Config.Offline, in a refused start and in a verdict without a call when the refusal says no more than that
	// the server was not reached: the program is neither kept from starting nor stopped, since an imported answer can still resolve it.
	OfflineTolerated bool `json:"offline_tolerated,omitempty"`
}

// Status is the state of a client, for people and diagnostics.
type Status struct {
	Root     string          `json:"root,omitempty"` // fingerprint of the product's root key
	Pinned   bool            `json:"pinned"`
	Licenses []LicenseStatus `json:"licenses,omitempty"`
	Files    []Verdict       `json:"files,omitempty"` // one for each loaded file
}

// LicenseStatus is the state of one license of a client.
type LicenseStatus struct {
	License      license.ID          `json:"license"`
	Activation   lease.Hash          `json:"activation"`
	State        string              `json:"state"` // of the state table in spec/lease.md
	Verdict      Verdict             `json:"verdict"`
	Generation   int64               `json:"generation,omitempty"`
	Number       int64               `json:"number,omitempty"`
	Counters     lease.Counters      `json:"counters"`
	Pending      int64               `json:"pending"` // calls that are counted and not confirmed yet
	Expires      lease.Time          `json:"expires,omitempty"`
	NotAfter     lease.Time          `json:"not_after,omitempty"`
	Reservations []lease.Reservation `json:"reservations,omitempty"`
	Holds        []Hold              `json:"holds,omitempty"`   // reservations of the program
	Relay        string              `json:"relay,omitempty"`   // public key of the relay that answers for the server; empty: none
	Receipt      string              `json:"receipt,omitempty"` // the last lease as it was signed, which proves what it confirms
}

// Hold counts how often the program has reserved an entitlement in a context and not released it.
type Hold struct {
	lease.Slot
	Count int `json:"count"`
}

// Receipt holds the proof in a lease: that the server has accepted these counts of this activation, in answer to this request.
type Receipt struct {
	Product    license.ID     `json:"product"`
	License    license.ID     `json:"license"`
	Activation lease.Hash     `json:"activation"`
	Generation int64          `json:"generation"`
	Number     int64          `json:"number"`
	Request    lease.Hash     `json:"request"` // hash of the document that the device signed
	Time       lease.Time     `json:"time"`
	Counters   lease.Counters `json:"counters"`
	Root       string         `json:"root"`
	Key        string         `json:"key"`
}

// License is a verified license file.
type License struct {
	ID           license.ID    `json:"id"`
	Contexts     []string      `json:"contexts"`
	Entitlements []Entitlement `json:"entitlements"`
	Root         string        `json:"root"`
	Key          string        `json:"key"`
	Signed       lease.Time    `json:"signed"`
}

// Entitlement of a license file; Slots 0: none stated.
type Entitlement struct {
	Name  string `json:"name"`
	Slots int    `json:"slots,omitempty"`
}

// The results of consume, the only call without JSON.
const (
	ConsumeCounted    int32 = 0  // counted
	ConsumePoll       int32 = 1  // counted; effects wait: step with EventPoll
	ConsumeNotCounted int32 = 2  // nothing was counted: step with EventConsume, which answers in full
	ConsumeUnknown    int32 = -1 // no such handle, or a failure: discard the instance
)

// Describe returns the verdict of a code. OK is set by its class; a caller may change it.
func Describe(code license.Code, detail string) Verdict {
	v := code.Verdict()
	return Verdict{
		OK: v.Class == license.ClassOK, Code: code, Class: v.Class, AllowContinue: v.AllowContinue,
		Message: v.Message, Detail: detail, Do: v.Do,
	}
}

// DescribeError returns the verdict of an error: of its code if it is a *license.Error, otherwise internal.
func DescribeError(err error) Verdict {
	if e, ok := errors.AsType[*license.Error](err); ok {
		return Describe(e.Code, e.Detail)
	}
	return Describe(license.CodeInternal, err.Error())
}

// DescribeLicense returns a verified license in the form for hosts.
func DescribeLicense(l *license.License) *License {
	out := &License{
		ID: l.ID, Contexts: l.Contexts, Root: l.Root, Key: l.Signature.Key, Signed: lease.Time(l.Signature.Created.UnixMilli()),
	}
	for _, e := range l.Entitlements {
		out.Entitlements = append(out.Entitlements, Entitlement{e.Name, e.Slots})
	}
	return out
}
