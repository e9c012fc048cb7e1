package api

import (
	"context"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// LicenseListInput chooses licenses; all that is given must hold.
type LicenseListInput struct {
	ArchivableListInput
	Status         licensing.Status `query:"status" enum:"active,suspended,revoked"`
	Customer       string           `query:"customer" maxLength:"200" doc:"The whole of it, as the license says it."`
	CustomerID     string           `query:"customer_id" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
	Type           lease.PolicyType `query:"type" enum:"calls,time,time_and_calls,perpetual" doc:"Of the version's policy."`
	ExpiresAfter   time.Time        `query:"expires_after" doc:"That expire, then or later."`
	ExpiresBefore  time.Time        `query:"expires_before" doc:"That expire before."`
	NeverActivated bool             `query:"never_activated" doc:"That no installation ever has. A page may then be short, or empty, and yet have a next one."`
}

// IDLicenseListInput is a list of licenses below a record.
type IDLicenseListInput struct {
	IDPathInput
	LicenseListInput
}

func (f LicenseListInput) licenseFilter() licensing.LicenseFilter {
	return licensing.LicenseFilter{
		Status: f.Status, Customer: f.Customer, CustomerID: license.ID(f.CustomerID), Type: f.Type, NeverActivated: f.NeverActivated,
		ExpiresFrom: fromTimestamp(f.ExpiresAfter), ExpiresUntil: fromTimestamp(f.ExpiresBefore),
	}
}

// fromTimestamp is 0 for a time that is not given.
func fromTimestamp(t time.Time) lease.Time {
	if t.IsZero() {
		return 0
	}
	return lease.Time(max(t.UnixMilli(), 1))
}

// registerLicenseLists registers the three lists of licenses: of a version, of a product, and of the organisation.
func (a *API) registerLicenseLists() {
	const tag = "licenses"
	list := func(ctx context.Context, who access.Identity, in LicenseListInput, f licensing.LicenseFilter) (*response[List[License]], error) {
		found, err := a.Catalogue.Licenses(ctx, who.Organisation(), f, in.page())
		return replyList(found, err, toLicense)
	}
	addRoute(a, operation{
		method: "GET", path: "/versions/{id}/licenses", id: "licenses", tag: tag, action: access.ReadLicenses,
		summary: "List the licenses of a version",
	}, func(ctx context.Context, who access.Identity, in *IDLicenseListInput) (*response[List[License]], error) {
		if _, err := a.Catalogue.Version(ctx, who.Organisation(), in.id()); err != nil {
			return nil, err // an empty list would say that it is there
		}
		f := in.licenseFilter()
		f.Version = in.id()
		return list(ctx, who, in.LicenseListInput, f)
	})
	addRoute(a, operation{
		method: "GET", path: "/products/{id}/licenses", id: "productLicenses", tag: tag, action: access.ReadLicenses,
		summary: "List the licenses of all versions of a product",
	}, func(ctx context.Context, who access.Identity, in *IDLicenseListInput) (*response[List[License]], error) {
		if _, err := a.Catalogue.Product(ctx, who.Organisation(), in.id()); err != nil {
			return nil, err // an empty list would say that it is there
		}
		f := in.licenseFilter()
		f.Product = in.id()
		return list(ctx, who, in.LicenseListInput, f)
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses", id: "allLicenses", tag: tag, action: access.ReadLicenses,
		summary: "List all licenses of the organisation",
	}, func(ctx context.Context, who access.Identity, in *LicenseListInput) (*response[List[License]], error) {
		return list(ctx, who, *in, in.licenseFilter())
	})
}
