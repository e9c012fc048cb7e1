package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/audit"
	"github.com/onelicense/onelicense/server/licensing"
)

// AuditLine is one thing that was done; spec/audit.md.
type AuditLine audit.Line

// AuditHead is the end of a chain.
type AuditHead audit.ChainHead

// AuditChainInput chooses one.
type AuditChainInput struct {
	Chain string `query:"chain" enum:"organisation,server" default:"organisation"`
}

// AuditListInput chooses lines.
type AuditListInput struct {
	AuditChainInput
	Cursor string    `query:"cursor" maxLength:"512"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Actor  string    `query:"actor" pattern:"^[0-9a-f]{24}$"`
	Action string    `query:"action" maxLength:"64"`
	Record string    `query:"record" maxLength:"256"`
	From   time.Time `query:"from"`
	Until  time.Time `query:"until"`
}

// AuditExportInput chooses where to begin.
type AuditExportInput struct {
	AuditChainInput
	After int64 `query:"after" minimum:"0"`
}

// registerAudit registers the routes of the audit log.
func (a *API) registerAudit() {
	const tag = "audit"
	addRoute(a, operation{
		method: "GET", path: "/audit", id: "listAudit", tag: tag, action: access.ReadAudit,
		summary: "List audit log lines, newest first; a page may be empty and still have a next one",
	}, func(ctx context.Context, who access.Identity, in *AuditListInput) (*response[List[AuditLine]], error) {
		org, err := a.auditChain(ctx, who, in.AuditChainInput)
		if err != nil {
			return nil, err
		}
		found, err := a.Audit.Lines(ctx, org, audit.Filter{
			Actor: license.ID(in.Actor), Action: in.Action, Record: in.Record, From: in.From, Until: in.Until,
		}, licensing.Page{After: in.Cursor, Limit: in.Limit})
		return replyList(found, err, func(l audit.Line) AuditLine { return AuditLine(l) })
	})
	addRoute(a, operation{
		method: "GET", path: "/audit/head", id: "getAuditHead", tag: tag, action: access.ReadAudit,
		summary: "Read the number and hash of the last audit log line; keep them elsewhere to check exports against",
	}, func(ctx context.Context, who access.Identity, in *AuditChainInput) (*response[AuditHead], error) {
		org, err := a.auditChain(ctx, who, *in)
		if err != nil {
			return nil, err
		}
		head, err := a.Audit.Head(ctx, org)
		return reply(AuditHead(head), err)
	})
	addRoute(a, operation{
		method: "GET", path: "/audit/export", id: "exportAudit", tag: tag, action: access.ReadAudit,
		summary: "Export up to 5000 audit log lines byte for byte, oldest first; the next export starts after the last of them",
		customise: func(o *huma.Operation) {
			o.Responses = map[string]*huma.Response{"200": {
				Description: "One JSON object in each line; empty when there are no more.",
				Content:     map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}},
			}}
		},
	}, func(ctx context.Context, who access.Identity, in *AuditExportInput) (*fileResponse, error) {
		org, err := a.auditChain(ctx, who, in.AuditChainInput)
		if err != nil {
			return nil, err
		}
		lines, err := a.Audit.Export(ctx, org, in.After)
		return &fileResponse{"application/x-ndjson", `attachment; filename="audit.ndjson"`, lines}, err
	})
}

// auditChain is the one that is asked for.
func (a *API) auditChain(ctx context.Context, who access.Identity, in AuditChainInput) (license.ID, error) {
	if in.Chain != audit.Server {
		return who.Organisation(), nil
	}
	founder, err := a.Audit.Founder(ctx)
	if err == nil && founder != who.Organisation() {
		err = &access.Error{Code: "forbidden", Detail: "only the organisation created with the server can read the server's chain"}
	}
	return "", err
}
