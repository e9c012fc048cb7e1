package events

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Event is something that happened and that people or their programs should hear of (docs/events.md).
type Event struct {
	Key  string // told twice under one key, it is one notice
	Type Type
	Org  license.ID
	Time lease.Time

	Product    license.ID
	Version    license.ID
	License    license.ID
	Name       string // of the license
	Customer   string
	Activation lease.Hash
	Details    map[string]any // of the type: strings and numbers
}

// Type says what happened.
type Type string

// The types of notice.
const (
	LicenseCreated         Type = "license.created"
	LicenseChanged         Type = "license.changed"
	LicenseSuspended       Type = "license.suspended"
	LicenseReinstated      Type = "license.reinstated"
	LicenseRevoked         Type = "license.revoked"
	LicenseDeleted         Type = "license.deleted"
	LicenseExpiring        Type = "license.expiring"
	LicenseExpired         Type = "license.expired"
	LicenseNearlyExhausted Type = "license.nearly_exhausted"
	LicenseExhausted       Type = "license.exhausted"
	ActivationCreated      Type = "activation.created"
	ActivationClosed       Type = "activation.closed"
	ActivationRefused      Type = "activation.refused"
	ActivationRestored     Type = "activation.restored"
	CloneSuspected         Type = "activation.clone_suspected"
	RestoredTooOften       Type = "activation.restored_too_often"
	KeysChanged            Type = "keys.changed"
	KeysCompromised        Type = "keys.compromised"
	ServerRestored         Type = "server.restored"
	ServerInterrupted      Type = "server.interrupted"
	WebhookDisabled        Type = "webhook.disabled"
)

// How a notice comes to be, which says what a crash can lose.
const (
	// AfterChange is told after the vendor's change was made and before it is answered: of a process that ends in between,
	// ServerInterrupted tells instead.
	AfterChange = "after the change"
	// BeforeAnswer is told after a sync was accepted and before it is answered. A process that ends in between loses nothing: the program
	// asks again with the same bytes, and it is told then.
	BeforeAnswer = "before the answer"
	// BySchedule is found by looking again and again: nothing is lost, whatever happens.
	BySchedule = "by schedule"
)

// Types lists all, with what each means and how it comes to be.
var Types = []struct {
	Type  Type
	About string
	Made  string
}{
	{LicenseCreated, "a license was made", AfterChange},
	{LicenseChanged, "a license was edited, renewed or transferred; `details.revision`", AfterChange},
	{LicenseSuspended, "a license was suspended", AfterChange},
	{LicenseReinstated, "a suspended license was reinstated", AfterChange},
	{LicenseRevoked, "a license was revoked, for good", AfterChange},
	{LicenseDeleted, "a license was deleted, with its activations", AfterChange},
	{LicenseExpiring, "a license ends soon: once each at 30, 7 and 1 days before; `details.days`, `details.expires`", BySchedule},
	{LicenseExpired, "a license has ended; `details.expires`", BySchedule},
	{LicenseNearlyExhausted, "nine tenths of the allowance are used; `details.used`, `details.allowance`", BeforeAnswer},
	{LicenseExhausted, "a program has met the end of the allowance; `details.used`, `details.allowance`", BeforeAnswer},
	{ActivationCreated, "an installation was activated, for the first time or after it had been closed", BeforeAnswer},
	{ActivationClosed, "an installation said goodbye or was deactivated; `details.by` is `program` or `vendor`", "before the answer; by the vendor: after the change"},
	{ActivationRefused, "an installation met a limit; `details.code`. Once a day for each license and code", BeforeAnswer},
	{ActivationRestored, "an installation came back with an older state, and goes on", BeforeAnswer},
	{CloneSuspected, "two seem to hold one activation; `details.alternations`, `details.address`, `details.differs`, `details.refused`", BeforeAnswer},
	{RestoredTooOften, "an installation has used up its re-activations. Once a day", BeforeAnswer},
	{KeysChanged, "a product's keys were changed", AfterChange},
	{KeysCompromised, "a key of a product was declared compromised; `details.key`", AfterChange},
	{ServerRestored, "the server's records are from before a restore: nothing new is granted until leases from before have run out; `details.epoch`", BeforeAnswer},
	{ServerInterrupted, "a change by a member or a token was cut short: nobody knows whether it was done; `details.action`, `details.records`, `details.request`", BySchedule},
	{WebhookDisabled, "a webhook has failed for long and was switched off; `details.webhook`, `details.url`, `details.reason`", BySchedule},
}

// Sink takes them. When Tell has answered without an error, the notice outlives a crash. It is called on the way of requests, only when
// there is something to tell.
type Sink interface {
	Record(context.Context, Event) error
}

// newLicenseEvent begins a notice about a license.
func (n Type) NewLicenseEvent(l *licensing.License, key string, now lease.Time) Event {
	return Event{Key: key, Type: n, Org: l.Organisation, Time: now, Product: l.Product, Version: l.Version, License: l.ID, Name: l.Name, Customer: l.Customer}
}
