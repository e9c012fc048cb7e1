package api

import (
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// License describes what a customer may use: contexts, entitlements, allowance, expiry, status.
type License struct {
	ID               string             `json:"id"`
	Product          string             `json:"product"`
	Version          string             `json:"version"`
	Name             string             `json:"name"`
	Customer         string             `json:"customer"`
	CustomerID       string             `json:"customer_id,omitempty"`
	Contexts         []string           `json:"contexts" nullable:"false"`
	Entitlements     []Entitlement      `json:"entitlements" nullable:"false"`
	Allowance        *int64             `json:"allowance"`
	CallsUsed        *int64             `json:"calls_used,omitempty"`
	Expires          *time.Time         `json:"expires,omitempty"`
	ExpiresAfterMS   int64              `json:"expires_after_ms,omitempty"`
	ExpiresFrom      licensing.TermFrom `json:"expires_from,omitempty" enum:"creation,activation"`
	Trial            bool               `json:"trial,omitempty"`
	Maintenance      *time.Time         `json:"maintenance,omitempty"`
	FingerprintParts []string           `json:"fingerprint_parts,omitempty"`
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
	Slots *int   `json:"slots" required:"false" minimum:"1" maximum:"1000000"`
}

// CreateLicenseInput is a license to be made.
type CreateLicenseInput struct {
	Name           string             `json:"name,omitempty"`
	Customer       string             `json:"customer,omitempty"`
	CustomerID     string             `json:"customer_id,omitempty" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
	Contexts       []string           `json:"contexts" nullable:"false"`
	Entitlements   []Entitlement      `json:"entitlements" nullable:"false"`
	Allowance      Nullable[int64]    `json:"allowance,omitempty" minimum:"1"`
	Expires        *time.Time         `json:"expires,omitempty"`
	ExpiresAfterMS int64              `json:"expires_after_ms,omitempty"`
	ExpiresFrom    licensing.TermFrom `json:"expires_from,omitempty" enum:"creation,activation"`
	Trial          bool               `json:"trial,omitempty"`
	Maintenance    *time.Time         `json:"maintenance,omitempty"`
	Overrides      Overrides          `json:"overrides,omitempty"`
	Metadata       map[string]string  `json:"metadata,omitempty"`
}

// UpdateLicenseInput changes what it names and leaves the rest.
type UpdateLicenseInput struct {
	Revision     int64               `json:"revision,omitempty" minimum:"1"`
	Name         *string             `json:"name,omitempty"`
	Customer     *string             `json:"customer,omitempty"`
	CustomerID   Nullable[string]    `json:"customer_id,omitempty"`
	Contexts     *[]string           `json:"contexts,omitempty"`
	Entitlements *[]Entitlement      `json:"entitlements,omitempty"`
	Allowance    Nullable[int64]     `json:"allowance,omitempty" minimum:"1"`
	Expires      Nullable[time.Time] `json:"expires,omitempty"`
	Trial        *bool               `json:"trial,omitempty"`
	Maintenance  Nullable[time.Time] `json:"maintenance,omitempty"`
	Overrides    *Overrides          `json:"overrides,omitempty"`
	Metadata     *map[string]string  `json:"metadata,omitempty"`
}

func toLicense(l licensing.License) License {
	entitlements := make([]Entitlement, 0, len(l.Entitlements))
	for _, e := range l.Entitlements {
		entitlements = append(entitlements, Entitlement{Name: e.Name, Slots: unlimitedAsNull(e.Slots)})
	}
	return License{
		ID: string(l.ID), Product: string(l.Product), Version: string(l.Version), Name: l.Name, Customer: l.Customer,
		CustomerID: string(l.CustomerID),
		Contexts:   append([]string{}, l.Contexts...), Entitlements: entitlements, Allowance: unlimitedAsNull(l.Allowance),
		Expires:        optionalTimestamp(l.Expires),
		ExpiresAfterMS: l.Term.After, ExpiresFrom: l.Term.From, Trial: l.Trial, Maintenance: optionalTimestamp(l.Maintenance),
		FingerprintParts: partNames(l.Fingerprint),
		Status:           l.Status, Archived: l.Archived, Overrides: toOverrides(l.Overrides), Metadata: nonNilMap(l.Metadata),
		Revision: l.Revision, Created: timestamp(l.Created), Updated: timestamp(l.Updated),
	}
}

func (n CreateLicenseInput) license() licensing.License {
	return licensing.License{
		Record: licensing.Record{Metadata: n.Metadata},
		Name:   n.Name, Customer: n.Customer, CustomerID: license.ID(n.CustomerID), Contexts: n.Contexts,
		Entitlements: toLicenseEntitlements(n.Entitlements),
		Allowance:    nullAsUnlimited(n.Allowance.Value), Expires: fromOptionalTimestamp(n.Expires), Trial: n.Trial,
		Maintenance: fromOptionalTimestamp(n.Maintenance),
		Term:        licensing.Term{After: n.ExpiresAfterMS, From: n.ExpiresFrom}, Overrides: n.Overrides.overrides(),
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

// fromOptionalTimestamp reads a time; none is never. The first moment that can be counted is what programs send that have none: it must not
// be never, so it is the one before, which is out of range everywhere.
func fromOptionalTimestamp(t *time.Time) lease.Time {
	if t == nil {
		return 0
	}
	if at := t.UnixMilli(); at != 0 {
		return lease.Time(at)
	}
	return -1
}
