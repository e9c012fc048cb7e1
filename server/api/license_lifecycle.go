package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/catalogue"
)

// RenewalNew is more of what a license is limited by.
type RenewalNew struct {
	Key         string `json:"key" doc:"The caller's own, such as the number of an order: the same renewal again changes nothing."`
	Extend      int64  `json:"extend,omitempty" doc:"Milliseconds on top of the license's time, or from now if that has passed."`
	Calls       int64  `json:"calls,omitempty" doc:"On top of the allowance."`
	Maintenance int64  `json:"maintenance,omitempty" doc:"Milliseconds on top of the maintenance, or from now if that has passed."`
}

// TransferNew makes a license another customer's.
type TransferNew struct {
	Key        string `json:"key,omitempty" doc:"The caller's own: the same transfer again changes nothing."`
	Customer   string `json:"customer,omitempty" doc:"Absent: the name in the record."`
	CustomerID string `json:"customer_id,omitempty" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits" doc:"The record of the new customer; this or the name is needed."`
	Close      bool   `json:"close,omitempty" doc:"Deactivate the installations of the customer before."`
}

// Machine is one by what is found on it.
type Machine struct {
	Parts []PartValue `json:"parts" nullable:"false" doc:"Of its fingerprint, as the program tells them; none: any machine."`
}

// PartValue is a part of a fingerprint. The server does not keep the value.
type PartValue struct {
	Name  string `json:"name" doc:"As the program names it."`
	Value string `json:"value"`
}

// Event is one thing that happened to a license.
type Event struct {
	Key         string                `json:"key"`
	Kind        licensing.HistoryKind `json:"kind" enum:"started,renewed,transferred"`
	Time        time.Time             `json:"time"`
	Extend      int64                 `json:"extend,omitempty" doc:"By a renewal, in ms."`
	Calls       int64                 `json:"calls,omitempty" doc:"By a renewal."`
	Maintained  int64                 `json:"maintained,omitempty" doc:"By a renewal, in ms."`
	From        string                `json:"from,omitempty" doc:"The customer before a transfer."`
	To          string                `json:"to,omitempty" doc:"The customer after a transfer."`
	FromID      string                `json:"from_id,omitempty"`
	ToID        string                `json:"to_id,omitempty"`
	Expires     *time.Time            `json:"expires,omitempty" doc:"Of the license, after."`
	Allowance   int64                 `json:"allowance,omitempty" doc:"Of the license, after."`
	Maintenance *time.Time            `json:"maintenance,omitempty" doc:"Of the license, after."`
}

// registerLicenseLifecycle registers what happens to a license in its life, and what has happened.
func (a *API) registerLicenseLifecycle() {
	const tag = "licenses"
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/renew", id: "renewLicense", tag: tag, action: access.EditLicenses, status: http.StatusOK,
		summary: "Give a license more time, calls or maintenance; once for each key",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[RenewalNew]) (*response[License], error) {
		one, err := a.Catalogue.Renew(ctx, who.Organisation(), in.id(), catalogue.Renewal(in.Body))
		return reply(toLicense(one), err)
	})
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/transfer", id: "transferLicense", tag: tag, action: access.EditLicenses, status: http.StatusOK,
		summary: "Make a license another customer's, with or without its installations",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[TransferNew]) (*response[License], error) {
		one, err := a.Catalogue.Transfer(ctx, who.Organisation(), in.id(), catalogue.Transfer{
			Key: in.Body.Key, Customer: in.Body.Customer, CustomerID: license.ID(in.Body.CustomerID), CloseInstallations: in.Body.Close,
		})
		return reply(toLicense(one), err)
	})
	addRoute(a, operation{
		method: "PUT", path: "/licenses/{id}/fingerprint", id: "bindLicense", tag: tag, action: access.EditLicenses, status: http.StatusOK,
		summary: "Make a license good for one machine only, or for any again",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[Machine]) (*response[License], error) {
		parts := make([]licensing.PartValue, len(in.Body.Parts))
		for n, p := range in.Body.Parts {
			parts[n] = licensing.PartValue(p)
		}
		one, err := a.Catalogue.BindMachine(ctx, who.Organisation(), in.id(), parts)
		return reply(toLicense(one), err)
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/history", id: "licenseHistory", tag: tag, action: access.ReadLicenses,
		summary: "List the renewals and transfers of a license, newest first",
	}, func(ctx context.Context, who access.Identity, in *IDPageInput) (*response[List[Event]], error) {
		found, err := a.Events.History(ctx, who.Organisation(), in.id(), in.page())
		return replyList(found, err, toHistoryEntry)
	})
}

func toHistoryEntry(e licensing.HistoryEntry) Event {
	return Event{e.Key, e.Kind, timestamp(e.Time), e.Extend, e.Calls, e.MaintenanceAdded, e.From, e.To, string(e.FromID), string(e.ToID), optionalTimestamp(e.Expires), e.Allowance, optionalTimestamp(e.Maintenance)}
}
