package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// ExternalSignatureInput is a signature that was made elsewhere.
type ExternalSignatureInput struct {
	Signature string `json:"signature"`
}

// decoded is armored text as it is, and base64 decoded; what is neither is refused where it is read.
func (s ExternalSignatureInput) decoded() []byte {
	if packet, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s.Signature)); err == nil {
		return packet
	}
	return []byte(s.Signature)
}

type fileResponse struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// registerLicenses registers the routes of licenses.
func (a *API) registerLicenses() {
	const tag = "licenses"
	addRoute(a, operation{
		method: "POST", path: "/versions/{id}/licenses", id: "createLicense", tag: tag, action: access.EditLicenses, status: http.StatusCreated,
		summary: "Create a license of a version",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[CreateLicenseInput]) (*response[License], error) {
		wanted := in.Body.license()
		wanted.Organisation, wanted.Version = who.Organisation(), in.id()
		made, err := a.Catalogue.CreateLicense(ctx, wanted)
		return reply(toLicense(made), err)
	})
	a.registerLicenseLists()
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}", id: "getLicense", tag: tag, action: access.ReadLicenses,
		summary: "Read a license with its usage",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[License], error) {
		u, err := a.Leasing.Usage(ctx, who.Organisation(), in.id())
		described := toLicense(u.License)
		described.CallsUsed = &u.Used
		return reply(described, err)
	})
	addRoute(a, operation{
		method: "PATCH", path: "/licenses/{id}", id: "updateLicense", tag: tag, action: access.EditLicenses,
		summary: "Update a license",
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[UpdateLicenseInput]) (*response[License], error) {
		one, err := a.Catalogue.License(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		in.Body.apply(&one)
		one, err = a.Catalogue.UpdateLicense(ctx, one)
		return reply(toLicense(one), err)
	})
	for _, op := range []struct {
		operation
		status licensing.Status
	}{
		{operation{path: "/licenses/{id}/suspend", id: "suspendLicense", action: access.EditLicenses, summary: "Suspend a license"},
			licensing.Suspended},
		{operation{path: "/licenses/{id}/reinstate", id: "reinstateLicense", action: access.EditLicenses,
			summary: "Reinstate a suspended license"}, licensing.Active},
	} {
		op.method, op.tag = "POST", tag
		addRoute(a, op.operation, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[License], error) {
			one, err := a.setLicenseStatus(ctx, who.Organisation(), in.id(), op.status)
			return reply(toLicense(one), err)
		})
	}
	for _, op := range []operation{
		{path: "/licenses/{id}/archive", id: "archiveLicense", summary: "Archive a license (it stops working)"},
		{path: "/licenses/{id}/unarchive", id: "unarchiveLicense", summary: "Unarchive a license"},
	} {
		op.method, op.tag, op.action = "POST", tag, access.EditLicenses
		archived := op.id == "archiveLicense"
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[License], error) {
			one, err := retryOnConflict(func() (licensing.License, error) {
				one, err := a.Catalogue.License(ctx, who.Organisation(), in.id())
				if err != nil || one.Archived == archived {
					return one, err
				}
				one.Archived = archived
				return a.Catalogue.UpdateLicense(ctx, one)
			})
			return reply(toLicense(one), err)
		})
	}
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/revoke", id: "revokeLicense", tag: tag, action: access.RevokeLicenses,
		summary: "Revoke a license and its files permanently; the product's next revocation list names it",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*response[License], error) {
		one, err := a.Catalogue.RevokeLicense(ctx, who.Organisation(), in.id())
		return reply(toLicense(one), err)
	})
	addRoute(a, operation{
		method: "DELETE", path: "/licenses/{id}", id: "deleteLicense", tag: tag, action: access.RevokeLicenses, status: http.StatusNoContent,
		conditional: true, summary: "Delete a license with its activations",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Catalogue.DeleteLicense(ctx, who.Organisation(), in.id(), ifMatchRevision(ctx))
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/file", id: "getLicenseFile", tag: tag, action: access.IssueLicenses,
		summary: "Download the signed license file",
		customise: func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "Four lines, the last of which signs the first three (spec/license-file.md).",
				Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}}
		},
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*fileResponse, error) {
		text, err := a.Catalogue.LicenseFile(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		return &fileResponse{"text/plain; charset=us-ascii", `attachment; filename="` + in.ID + `.txt"`, text}, nil
	})
	addRoute(a, operation{
		method: "GET", path: "/licenses/{id}/unsigned-file", id: "getUnsignedLicenseFile", tag: tag, action: access.IssueLicenses,
		summary: "Download the three lines of the license file to sign elsewhere",
		customise: func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "Exactly what gpg --textmode --detach-sign is to be given.",
				Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}}
		},
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*fileResponse, error) {
		text, err := a.Catalogue.UnsignedFile(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		return &fileResponse{"text/plain; charset=us-ascii", `attachment; filename="` + in.ID + `.text"`, text}, nil
	})
	addRoute(a, operation{
		method: "POST", path: "/licenses/{id}/file", id: "attachLicenseSignature", tag: tag, action: access.IssueLicenses, readOnly: true,
		summary: "Create the license file from a signature made elsewhere",
		customise: func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "Four lines, the last of which signs the first three (spec/license-file.md).",
				Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}}
		},
	}, func(ctx context.Context, who access.Identity, in *IDBodyInput[ExternalSignatureInput]) (*fileResponse, error) {
		text, err := a.Catalogue.SignedFile(ctx, who.Organisation(), in.id(), in.Body.decoded())
		if err != nil {
			return nil, err
		}
		return &fileResponse{"text/plain; charset=us-ascii", `attachment; filename="` + in.ID + `.txt"`, text}, nil
	})
}
