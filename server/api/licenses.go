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

// SignatureNew is a signature that was made elsewhere.
type SignatureNew struct {
	Signature string `json:"signature" doc:"Detached, of text, over the license's three lines: armored, or the binary packet in base64."`
}

// bytes is armored text as it is, and base64 decoded; what is neither is refused where it is read.
func (s SignatureNew) bytes() []byte {
	if packet, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s.Signature)); err == nil {
		return packet
	}
	return []byte(s.Signature)
}

type file struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// licenses registers the routes of licenses.
func (a *API) licenses() {
	const tag = "licenses"
	l := a.Licensing
	add(a, operation{
		method: "POST", path: "/versions/{id}/licenses", id: "createLicense", tag: tag, action: access.EditLicenses, status: http.StatusCreated,
		summary: "Make a license under a version",
	}, func(ctx context.Context, who access.Identity, in *ByIDBody[LicenseNew]) (*answer[License], error) {
		wanted := in.Body.license()
		wanted.Organisation, wanted.Version = who.Organisation(), in.id()
		made, err := l.CreateLicense(ctx, wanted)
		return reply(describeLicense(made), err)
	})
	a.licenseLists()
	add(a, operation{
		method: "GET", path: "/licenses/{id}", id: "license", tag: tag, action: access.ReadLicenses,
		summary: "Read a license, with its usage",
	}, func(ctx context.Context, who access.Identity, in *ByID) (*answer[License], error) {
		u, err := l.Usage(ctx, who.Organisation(), in.id())
		described := describeLicense(u.License)
		described.Used = &u.Used
		return reply(described, err)
	})
	add(a, operation{
		method: "PATCH", path: "/licenses/{id}", id: "editLicense", tag: tag, action: access.EditLicenses,
		summary: "Edit a license",
	}, func(ctx context.Context, who access.Identity, in *ByIDBody[LicenseEdit]) (*answer[License], error) {
		one, err := l.License(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		in.Body.apply(&one)
		one, err = l.UpdateLicense(ctx, one)
		return reply(describeLicense(one), err)
	})
	for _, op := range []struct {
		operation
		status licensing.Status
	}{
		{operation{path: "/licenses/{id}/suspend", id: "suspendLicense", action: access.EditLicenses, summary: "Suspend a license"}, licensing.Suspended},
		{operation{path: "/licenses/{id}/reinstate", id: "reinstateLicense", action: access.EditLicenses, summary: "Reinstate a suspended license"}, licensing.Active},
	} {
		op.method, op.tag = "POST", tag
		add(a, op.operation, func(ctx context.Context, who access.Identity, in *ByID) (*answer[License], error) {
			one, err := a.setStatus(ctx, who.Organisation(), in.id(), op.status)
			return reply(describeLicense(one), err)
		})
	}
	for _, op := range []operation{
		{path: "/licenses/{id}/archive", id: "archiveLicense", summary: "Put a license away: it no longer works"},
		{path: "/licenses/{id}/unarchive", id: "unarchiveLicense", summary: "Take a license out again, as it was"},
	} {
		op.method, op.tag, op.action = "POST", tag, access.EditLicenses
		archived := op.id == "archiveLicense"
		add(a, op, func(ctx context.Context, who access.Identity, in *ByID) (*answer[License], error) {
			one, err := again(func() (licensing.License, error) {
				one, err := l.License(ctx, who.Organisation(), in.id())
				if err != nil || one.Archived == archived {
					return one, err
				}
				one.Archived = archived
				return l.UpdateLicense(ctx, one)
			})
			return reply(describeLicense(one), err)
		})
	}
	add(a, operation{
		method: "POST", path: "/licenses/{id}/revoke", id: "revokeLicense", tag: tag, action: access.EndLicenses,
		summary: "Revoke a license and its files, for good: the product's next statement lists it",
	}, func(ctx context.Context, who access.Identity, in *ByID) (*answer[License], error) {
		one, err := l.RevokeLicense(ctx, who.Organisation(), in.id())
		return reply(describeLicense(one), err)
	})
	add(a, operation{
		method: "DELETE", path: "/licenses/{id}", id: "deleteLicense", tag: tag, action: access.EndLicenses, status: http.StatusNoContent,
		conditional: true, summary: "Delete a license with its activations",
	}, func(ctx context.Context, who access.Identity, in *ByID) (*none, error) {
		return nil, l.DeleteLicense(ctx, who.Organisation(), in.id(), wanted(ctx))
	})
	add(a, operation{
		method: "GET", path: "/licenses/{id}/file", id: "licenseFile", tag: tag, action: access.IssueLicenses,
		summary: "The signed license file",
		more: func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "Four lines, the last of which signs the first three (spec/license-file.md).",
				Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}}
		},
	}, func(ctx context.Context, who access.Identity, in *ByID) (*file, error) {
		text, err := l.LicenseFile(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		return &file{"text/plain; charset=us-ascii", `attachment; filename="` + in.ID + `.txt"`, text}, nil
	})
	add(a, operation{
		method: "GET", path: "/licenses/{id}/text", id: "licenseText", tag: tag, action: access.IssueLicenses,
		summary: "The three lines of the license file that are to be signed elsewhere",
		more: func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "Exactly what gpg --textmode --detach-sign is to be given.",
				Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}}
		},
	}, func(ctx context.Context, who access.Identity, in *ByID) (*file, error) {
		text, err := l.LicenseText(ctx, who.Organisation(), in.id())
		if err != nil {
			return nil, err
		}
		return &file{"text/plain; charset=us-ascii", `attachment; filename="` + in.ID + `.text"`, text}, nil
	})
	add(a, operation{
		method: "POST", path: "/licenses/{id}/file", id: "signedLicenseFile", tag: tag, action: access.IssueLicenses, harmless: true,
		summary: "The license file with a signature that was made elsewhere",
		more: func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "Four lines, the last of which signs the first three (spec/license-file.md).",
				Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}}
		},
	}, func(ctx context.Context, who access.Identity, in *ByIDBody[SignatureNew]) (*file, error) {
		text, err := l.SignedFile(ctx, who.Organisation(), in.id(), in.Body.bytes())
		if err != nil {
			return nil, err
		}
		return &file{"text/plain; charset=us-ascii", `attachment; filename="` + in.ID + `.txt"`, text}, nil
	})
}
