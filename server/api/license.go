package api

import (
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// License is what a customer holds.
type License struct {
	ID               string             `json:"id"`
	Product          string             `json:"product"`
	Version          string             `json:"version"`
	Name             string             `json:"name"`
	Customer         string             `json:"customer"`
	CustomerID       string             `json:"customer_id,omitempty" doc:"Of the customer's record."`
	Contexts         []string           `json:"contexts" nullable:"false"`
	Entitlements     []Entitlement      `json:"entitlements" nullable:"false"`
	Allowance        *int64             `json:"allowance" doc:"Calls that the license allows, in each period if its policy has periods. null: no limit, for types that do not count calls."`
	CallsUsed        *int64             `json:"calls_used,omitempty" doc:"Calls counted so far; only where one license is read."`
	Expires          *time.Time         `json:"expires,omitempty" doc:"Absent while a term that counts from the first activation has not begun."`
	ExpiresAfterMS   int64              `json:"expires_after_ms,omitempty" doc:"The term, in ms, if it has one."`
	ExpiresFrom      licensing.TermFrom `json:"expires_from,omitempty" enum:"creation,activation"`
	Trial            bool               `json:"trial,omitempty"`
	Maintenance      *time.Time         `json:"maintenance,omitempty" doc:"Other versions of the product that were released until then are good too."`
	FingerprintParts []string           `json:"fingerprint_parts,omitempty" doc:"Names of the parts of the one machine that it is good for."`
	Status           licensing.Status   `json:"status" enum:"active,suspended,revoked"`
	Archived         bool               `json:"archived"`
	Overrides        Overrides          `json:"overrides"`
	Metadata         map[string]string  `json:"metadata"`
	Revision         int64              `json:"revision"`
	Created          time.Time          `json:"created"`
	Updated          time.Time          `json:"updated"`
}

// Entitlement is a named right.
type Entitlement struct {
	Name  string `json:"name"`
	Slots *int   `json:"slots" required:"false" minimum:"1" maximum:"1000000" doc:"Installations that may hold the entitlement at once. null or absent: no limit."`
}

// CreateLicenseInput is a license to be made.
type CreateLicenseInput struct {
	Name           string             `json:"name,omitempty"`
	Customer       string             `json:"customer,omitempty"`
	CustomerID     string             `json:"customer_id,omitempty" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits" doc:"Of the customer's record, whose name the license gets if it has none."`
	Contexts       []string           `json:"contexts" nullable:"false" doc:"Where entitlements are used; names of letters, digits, dots, hyphens and underscores."`
	Entitlements   []Entitlement      `json:"entitlements" nullable:"false"`
	Allowance      Nullable[int64]    `json:"allowance,omitempty" minimum:"1" doc:"Calls that the license allows, in each period if its policy has periods; required for the types calls and time_and_calls. null or absent: no limit."`
	Expires        *time.Time         `json:"expires,omitempty" doc:"The types time and time_and_calls need this or expires_after."`
	ExpiresAfterMS int64              `json:"expires_after_ms,omitempty" doc:"A term in ms instead of an end."`
	ExpiresFrom    licensing.TermFrom `json:"expires_from,omitempty" enum:"creation,activation" doc:"What the term counts from: the license's creation or its first activation. Default: creation."`
	Trial          bool               `json:"trial,omitempty" doc:"It is there to be tried; its type has an end."`
	Maintenance    *time.Time         `json:"maintenance,omitempty" doc:"Other versions of the product that were released until then are good too."`
	Overrides      Overrides          `json:"overrides,omitempty"`
	Metadata       map[string]string  `json:"metadata,omitempty"`
}

// UpdateLicenseInput changes what it names and leaves the rest.
type UpdateLicenseInput struct {
	Revision     int64               `json:"revision,omitempty" minimum:"1" doc:"Of the license as it was read; needed unless If-Match names it."`
	Name         *string             `json:"name,omitempty"`
	Customer     *string             `json:"customer,omitempty"`
	CustomerID   Nullable[string]    `json:"customer_id,omitempty" doc:"null: no record."`
	Contexts     *[]string           `json:"contexts,omitempty" doc:"Replaces all of them. Files that were issued before still say the old ones."`
	Entitlements *[]Entitlement      `json:"entitlements,omitempty" doc:"Replaces all of them."`
	Allowance    Nullable[int64]     `json:"allowance,omitempty" minimum:"1" doc:"Calls that the license allows. null: no limit, for types that do not count calls."`
	Expires      Nullable[time.Time] `json:"expires,omitempty" doc:"null: never, or, of a term that counts from the first activation, anew with the next sync of any installation."`
	Trial        *bool               `json:"trial,omitempty"`
	Maintenance  Nullable[time.Time] `json:"maintenance,omitempty" doc:"null: none."`
	Overrides    *Overrides          `json:"overrides,omitempty" doc:"Replaces all of them."`
	Metadata     *map[string]string  `json:"metadata,omitempty" doc:"Replaces all of it."`
}

func toLicense(l licensing.License) License {
	entitlements := make([]Entitlement, 0, len(l.Entitlements))
	for _, e := range l.Entitlements {
		entitlements = append(entitlements, Entitlement{Name: e.Name, Slots: unlimitedAsNull(e.Slots)})
	}
	return License{
		ID: string(l.ID), Product: string(l.Product), Version: string(l.Version), Name: l.Name, Customer: l.Customer, CustomerID: string(l.CustomerID),
		Contexts: append([]string{}, l.Contexts...), Entitlements: entitlements, Allowance: unlimitedAsNull(l.Allowance), Expires: optionalTimestamp(l.Expires),
		ExpiresAfterMS: l.Term.After, ExpiresFrom: l.Term.From, Trial: l.Trial, Maintenance: optionalTimestamp(l.Maintenance),
		FingerprintParts: partNames(l.Fingerprint),
		Status:           l.Status, Archived: l.Archived, Overrides: toOverrides(l.Overrides), Metadata: nonNilMap(l.Metadata),
		Revision: l.Revision, Created: timestamp(l.Created), Updated: timestamp(l.Updated),
	}
}

func (n CreateLicenseInput) license() licensing.License {
	return licensing.License{
		Record: licensing.Record{Metadata: n.Metadata},
		Name:   n.Name, Customer: n.Customer, CustomerID: license.ID(n.CustomerID), Contexts: n.Contexts, Entitlements: toLicenseEntitlements(n.Entitlements),
		Allowance: nullAsUnlimited(n.Allowance.Value), Expires: fromOptionalTimestamp(n.Expires), Trial: n.Trial, Maintenance: fromOptionalTimestamp(n.Maintenance),
		Term: licensing.Term{After: n.ExpiresAfterMS, From: n.ExpiresFrom}, Overrides: n.Overrides.overrides(),
	}
}

func (e UpdateLicenseInput) apply(to *licensing.License) {
	assignRevision(&to.Revision, e.Revision)
	assign(&to.Name, e.Name)
	assign(&to.Customer, e.Customer)
	if e.CustomerID.IsGiven {
		to.CustomerID = ""
		if e.CustomerID.Value != nil {
			to.CustomerID = license.ID(*e.CustomerID.Value)
		}
	}
	assign(&to.Contexts, e.Contexts)
	if e.Allowance.IsGiven {
		to.Allowance = nullAsUnlimited(e.Allowance.Value)
	}
	assign(&to.Metadata, e.Metadata)
	if e.Entitlements != nil {
		to.Entitlements = toLicenseEntitlements(*e.Entitlements)
	}
	if e.Expires.IsGiven {
		to.Expires = fromOptionalTimestamp(e.Expires.Value)
	}
	assign(&to.Trial, e.Trial)
	if e.Maintenance.IsGiven {
		to.Maintenance = fromOptionalTimestamp(e.Maintenance.Value)
	}
	if e.Overrides != nil {
		to.Overrides = e.Overrides.overrides()
	}
}

func partNames(parts []lease.FingerprintPart) (names []string) {
	for _, p := range parts {
		names = append(names, p.Name)
	}
	return names
}

func toLicenseEntitlements(list []Entitlement) []license.Entitlement {
	out := make([]license.Entitlement, 0, len(list))
	for _, e := range list {
		out = append(out, license.Entitlement{Name: e.Name, Slots: nullAsUnlimited(e.Slots)})
	}
	return out
}

// fromOptionalTimestamp reads a time; none is never. The first moment that can be counted is what programs send that have none: it must not be never, so it
// is the one before, which is out of range everywhere.
func fromOptionalTimestamp(t *time.Time) lease.Time {
	if t == nil {
		return 0
	}
	if at := t.UnixMilli(); at != 0 {
		return lease.Time(at)
	}
	return -1
}
