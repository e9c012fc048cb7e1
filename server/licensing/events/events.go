package events

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// Event is something that has happened and that people or their programs are to be informed of (docs/events.md).
type Event struct {
	Key  string // recorded twice with one key, it is one event
	Type Type
	Org  license.ID
	Time lease.Time

	Product    license.ID
	Version    license.ID
	License    license.ID
	Name       string // of the license
	Customer   string
	Activation lease.Hash
	Details    map[string]any // depending on the type: strings and numbers
}

// Type is the type of an event.
type Type string

// The types of events.
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

// The times at which events are recorded, which tell what a crash can lose.
const (
	// AfterChange events are recorded after a vendor's change was stored and before the reply. If the process ends in between,
	// ServerInterrupted is recorded instead.
	AfterChange = "after the change"
	// BeforeAnswer events are recorded after a sync was stored and before the reply. If the process ends in between, the program sends the
	// same request again, and the event is recorded then.
	BeforeAnswer = "before the answer"
	// BySchedule events are found by a periodic job; a crash loses none.
	BySchedule = "by schedule"
)

// Types lists all types, with their meaning and how they are recorded, as docs/events.md shows them.
var Types = []struct {
	Type  Type
	About string
	Made  string
}{
	{LicenseCreated, "a license was created", AfterChange},
	{LicenseChanged, "a license was edited, renewed or transferred; `details.revision`", AfterChange},
	{LicenseSuspended, "a license was suspended", AfterChange},
	{LicenseReinstated, "a suspended license was reinstated", AfterChange},
	{LicenseRevoked, "a license was revoked", AfterChange},
	{LicenseDeleted, "a license was deleted, with its activations", AfterChange},
	{LicenseExpiring, "a license expires soon: once each at 30, 7 and 1 days before; `details.days`, `details.expires`", BySchedule},
	{LicenseExpired, "a license has expired; `details.expires`", BySchedule},
	{LicenseNearlyExhausted, "nine tenths of the allowance are used; `details.used`, `details.allowance`", BeforeAnswer},
	{LicenseExhausted, "a program has used up the allowance; `details.used`, `details.allowance`", BeforeAnswer},
	{ActivationCreated, "an installation was activated, for the first time or after it had been closed", BeforeAnswer},
	{ActivationClosed, "an installation said goodbye or was deactivated; `details.by` is `program` or `vendor`",
		"before the answer; by the vendor: after the change"},
	{ActivationRefused, "an activation was refused by a limit; `details.code`. Once a day for each license and code", BeforeAnswer},
	{ActivationRestored, "an installation came back with an older state and was re-activated", BeforeAnswer},
	{CloneSuspected, "two installations seem to use one activation; " +
		"`details.alternations`, `details.address`, `details.differs`, `details.refused`", BeforeAnswer},
	{RestoredTooOften, "an installation has used up its re-activations. Once a day", BeforeAnswer},
	{KeysChanged, "a product's keys were changed", AfterChange},
	{KeysCompromised, "a key of a product was declared compromised; `details.key`", AfterChange},
	{ServerRestored, "the server was restored from a backup: nothing new is granted until leases from before have expired; `details.epoch`",
		BeforeAnswer},
	{ServerInterrupted, "a change by a member or a token was interrupted, and may or may not have been made; " +
		"`details.action`, `details.records`, `details.request`", BySchedule},
	{WebhookDisabled, "a webhook has failed for too long and was disabled; `details.webhook`, `details.url`, `details.reason`", BySchedule},
}

// Sink records events. When Record has returned nil, the event survives a crash. It is called while a request is served, only when there is
// an event.
type Sink interface {
	Record(context.Context, Event) error
}

// NewLicenseEvent returns an event about a license.
func (n Type) NewLicenseEvent(l *licensing.License, key string, now lease.Time) Event {
	return Event{Key: key, Type: n, Org: l.Organisation, Time: now, Product: l.Product, Version: l.Version, License: l.ID, Name: l.Name,
		Customer: l.Customer}
}
