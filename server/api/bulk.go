package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/problem"
)

// Many licenses in one call. Each is done by itself, all of it or nothing, and answered by itself: what fails for one does not keep the
// others. With an Idempotency-Key the call as a whole happens once, and one that was cut short goes on where it was.

// CreateLicensesInput is a number of licenses that are to be made alike.
type CreateLicensesInput struct {
	Count    int                `json:"count" minimum:"1" maximum:"500"`
	Template CreateLicenseInput `json:"template"`
}

// LicenseIDs names licenses.
type LicenseIDs struct {
	IDs []string `json:"ids" nullable:"false" minItems:"1" maxItems:"500" uniqueItems:"true" pattern:"^[0-9a-f]{24}$"`
}

func (l LicenseIDs) records() (all []string) {
	for _, id := range l.IDs {
		all = append(all, "licenses/"+id)
	}
	return all
}

// BulkResult holds the result for one record of a bulk operation.
type BulkResult struct {
	ID    string           `json:"id,omitempty"`
	Error *problem.Problem `json:"error,omitempty"`
}

// BulkResults holds the results for all records, in the order of the request.
type BulkResults struct {
	Succeeded int          `json:"succeeded"`
	Failed    int          `json:"failed"`
	Items     []BulkResult `json:"items" nullable:"false"`
}

// forEach does something to many, one after the other, so that what one draws does not depend on the others.
func (a *API) forEach(ctx context.Context, n int, do func(ctx context.Context, i int) (license.ID, error)) BulkResults {
	all := BulkResults{Items: make([]BulkResult, n)}
	for i := range all.Items {
		id, err := do(licensing.WithItem(ctx), i)
		all.Items[i].ID = string(id)
		if err == nil {
			auditNoteFrom(ctx).recordsDone = append(auditNoteFrom(ctx).recordsDone, "licenses/"+string(id))
			all.Succeeded++
			continue
		}
		var p *problem.Problem
		errors.As(a.toProblem(ctx, err), &p)
		if n := auditNoteFrom(ctx); p.Status >= http.StatusInternalServerError {
			n.uncertain = true
			if id != "" {
				n.recordsDone = append(n.recordsDone, "licenses/"+string(id))
			}
		}
		all.Items[i].Error = p
		all.Failed++
	}
	return all
}

// registerBulkOperations registers the calls about many licenses.
func (a *API) registerBulkOperations() {
	const tag = "licenses"
	addRoute(a, operation{
		method: "POST", path: "/versions/{id}/licenses/bulk", id: "createLicenses", tag: tag, action: access.EditLicenses,
		summary: "Create up to 500 licenses from a template",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[CreateLicensesInput]) (*response[BulkResults], error) {
		wanted := in.Body.Template.license()
		wanted.Organisation, wanted.Version = who.Organisation(), in.id()
		if err := a.Catalogue.ValidateLicense(ctx, wanted); err != nil {
			return nil, prefixField("template", err) // it would be wrong as often as it is wanted
		}
		return reply(a.forEach(ctx, in.Body.Count, func(ctx context.Context, i int) (license.ID, error) {
			one := wanted
			one.Name = strings.ReplaceAll(wanted.Name, "{n}", strconv.Itoa(i+1))
			made, err := a.Catalogue.CreateLicense(ctx, one)
			if err != nil {
				return "", err
			}
			return made.ID, nil
		}), nil)
	})
	for _, op := range []struct {
		operation
		do func(ctx context.Context, org, id license.ID) error
	}{
		{operation{path: "/bulk/licenses/suspend", id: "suspendLicenses", action: access.EditLicenses, summary: "Suspend up to 500 licenses"},
			func(ctx context.Context, org, id license.ID) error {
				_, err := a.setLicenseStatus(ctx, org, id, licensing.Suspended)
				return err
			}},
		{operation{path: "/bulk/licenses/reinstate", id: "reinstateLicenses", action: access.EditLicenses,
			summary: "Reinstate up to 500 suspended licenses"},
			func(ctx context.Context, org, id license.ID) error {
				_, err := a.setLicenseStatus(ctx, org, id, licensing.Active)
				return err
			}},
		{operation{path: "/bulk/licenses/delete", id: "deleteLicenses", action: access.RevokeLicenses,
			summary: "Delete up to 500 licenses with their activations"},
			func(ctx context.Context, org, id license.ID) error { return a.Catalogue.DeleteLicense(ctx, org, id, 0) }},
	} {
		op.method, op.tag, op.status = "POST", tag, http.StatusOK
		addRoute(a, op.operation, func(ctx context.Context, who access.Identity, in *bodyInput[LicenseIDs]) (*response[BulkResults], error) {
			return reply(a.forEach(ctx, len(in.Body.IDs), func(ctx context.Context, i int) (license.ID, error) {
				id := license.ID(in.Body.IDs[i])
				return id, op.do(ctx, who.Organisation(), id)
			}), nil)
		})
	}
}

// setLicenseStatus suspends or reinstates a license, whatever else is edited meanwhile.
func (a *API) setLicenseStatus(ctx context.Context, org, id license.ID, status licensing.Status) (licensing.License, error) {
	return retryOnConflict(func() (licensing.License, error) {
		one, err := a.Catalogue.License(ctx, org, id)
		if err != nil || one.Status == status {
			return one, err
		}
		one.Status = status
		return a.Catalogue.UpdateLicense(ctx, one)
	})
}

// prefixField says where in the request a member stands that is wrong.
func prefixField(where string, err error) error {
	var invalid *licensing.Invalid
	if errors.As(err, &invalid) {
		return &licensing.Invalid{Field: where + "." + invalid.Field, Problem: invalid.Problem}
	}
	return err
}
