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
	Product        string           `query:"product" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
	Version        string           `query:"version" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
	Status         licensing.Status `query:"status" enum:"active,suspended,revoked"`
	Customer       string           `query:"customer" maxLength:"200"`
	CustomerID     string           `query:"customer_id" pattern:"^[0-9a-f]{24}$" patternDescription:"24 lower-case hex digits"`
	Type           lease.PolicyType `query:"type" enum:"calls,time,time_and_calls,perpetual"`
	ExpiresAfter   time.Time        `query:"expires_after"`
	ExpiresBefore  time.Time        `query:"expires_before"`
	NeverActivated bool             `query:"never_activated"`
}

func (f LicenseListInput) licenseFilter() licensing.LicenseFilter {
	return licensing.LicenseFilter{
		Product: license.ID(f.Product), Version: license.ID(f.Version),
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

// registerLicenseLists registers the list of licenses. An unknown product or version is a 404, since an empty list would claim that it
// exists.
func (a *API) registerLicenseLists() {
	addRoute(a, operation{
		method: "GET", path: "/licenses", id: "listLicenses", tag: "licenses", action: access.ReadLicenses,
		summary: "List licenses, newest first",
	}, func(ctx context.Context, who access.Identity, in *LicenseListInput) (*response[List[License]], error) {
		f := in.licenseFilter()
		if f.Product != "" {
			if _, err := a.Catalogue.Product(ctx, who.Organisation(), f.Product); err != nil {
				return nil, err
			}
		}
		if f.Version != "" {
			if _, err := a.Catalogue.Version(ctx, who.Organisation(), f.Version); err != nil {
				return nil, err
			}
		}
		found, err := a.Catalogue.Licenses(ctx, who.Organisation(), f, in.page())
		return replyList(found, err, toLicense)
	})
}
