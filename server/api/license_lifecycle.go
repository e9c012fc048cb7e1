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

// RenewLicenseInput is more of what a license is limited by.
type RenewLicenseInput struct {
	Key           string `json:"key"`
	ExtendMS      int64  `json:"extend_ms,omitempty"`
	Calls         int64  `json:"calls,omitempty"`
	MaintenanceMS int64  `json:"maintenance_ms,omitempty"`
}

// TransferLicenseInput makes a license another customer's.
type TransferLicenseInput struct {
	Key                     string `json:"key,omitempty"`
	Customer                string `json:"customer,omitempty"`
	CustomerID              string `json:"customer_id,omitempty" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
	DeactivateInstallations bool   `json:"deactivate_installations,omitempty"`
}

// BindMachineInput is one by what is found on it.
type BindMachineInput struct {
	Parts []FingerprintPart `json:"parts" nullable:"false"`
}

// FingerprintPart is a part of a fingerprint. The server does not keep the value.
type FingerprintPart struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// HistoryEntry is one thing that happened to a license.
type HistoryEntry struct {
	Key                   string                `json:"key"`
	Kind                  licensing.HistoryKind `json:"kind" enum:"started,renewed,transferred"`
	Time                  time.Time             `json:"time"`
	ExtendedMS            int64                 `json:"extended_ms,omitempty"`
	CallsAdded            int64                 `json:"calls_added,omitempty"`
	MaintenanceExtendedMS int64                 `json:"maintenance_extended_ms,omitempty"`
	FromCustomer          string                `json:"from_customer,omitempty"`
	ToCustomer            string                `json:"to_customer,omitempty"`
	FromCustomerID        string                `json:"from_customer_id,omitempty"`
	ToCustomerID          string                `json:"to_customer_id,omitempty"`
	Expires               *time.Time            `json:"expires,omitempty"`
	Allowance             int64                 `json:"allowance,omitempty"`
	Maintenance           *time.Time            `json:"maintenance,omitempty"`
}

// registerLicenseLifecycle registers what happens to a license in its life, and what has happened.
func (a *API) registerLicenseLifecycle() {
	const tag = "licenses"
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/renew", id: "renewLicense", tag: tag, action: access.EditLicenses, status: http.StatusOK,
		summary: "Renew a license with more time, calls or maintenance, once for each key",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[RenewLicenseInput]) (*response[License], error) {
		one, err := a.Catalogue.Renew(ctx, who.Organisation(), in.id(), catalogue.Renewal{
			Key: in.Body.Key, Extend: in.Body.ExtendMS, Calls: in.Body.Calls, Maintenance: in.Body.MaintenanceMS,
		})
		return reply(toLicense(one), err)
	})
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/transfer", id: "transferLicense", tag: tag, action: access.EditLicenses, status: http.StatusOK,
		summary: "Transfer a license to another customer, with or without its installations",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[TransferLicenseInput]) (*response[License], error) {
		one, err := a.Catalogue.Transfer(ctx, who.Organisation(), in.id(), catalogue.Transfer{
			Key: in.Body.Key, Customer: in.Body.Customer, CustomerID: license.ID(in.Body.CustomerID),
			CloseInstallations: in.Body.DeactivateInstallations,
		})
		return reply(toLicense(one), err)
	})
	addRoute(a, operation{
		method: "PUT", path: "/licenses/{id}/fingerprint", id: "bindMachine", tag: tag, action: access.EditLicenses, status: http.StatusOK,
		summary: "Bind a license to one machine, or unbind it",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[BindMachineInput]) (*response[License], error) {
		parts := make([]licensing.PartValue, len(in.Body.Parts))
		for n, p := range in.Body.Parts {
			parts[n] = licensing.PartValue(p)
		}
		one, err := a.Catalogue.BindMachine(ctx, who.Organisation(), in.id(), parts)
		return reply(toLicense(one), err)
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/history", id: "listLicenseHistory", tag: tag, action: access.ReadLicenses,
		summary: "List the renewals and transfers of a license, newest first",
	}, func(ctx context.Context, who access.Identity, in *IDPageInput) (*response[List[HistoryEntry]], error) {
		found, err := a.Events.History(ctx, who.Organisation(), in.id(), in.page())
		return replyList(found, err, toHistoryEntry)
	})
}

func toHistoryEntry(e licensing.HistoryEntry) HistoryEntry {
	return HistoryEntry{e.Key, e.Kind, timestamp(e.Time), e.Extend, e.Calls, e.MaintenanceAdded, e.From, e.To, string(e.FromID),
		string(e.ToID), optionalTimestamp(e.Expires), e.Allowance, optionalTimestamp(e.Maintenance)}
}
