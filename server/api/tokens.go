package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
)

// Scope is one action that a token is good for.
type Scope string

// Schema lists them all.
func (Scope) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, action := range access.Scopes() {
		s.Enum = append(s.Enum, string(action))
	}
	return s
}

// Token is an API token without its secret.
type Token struct {
	ID      string     `json:"id" doc:"Also the part of the secret between its two underscores."`
	Member  string     `json:"member" doc:"Who made it, and for whom it acts."`
	Name    string     `json:"name"`
	Scope   []Scope    `json:"scope" nullable:"false"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty" doc:"Absent: never."`
	Used    *time.Time `json:"used,omitempty" doc:"Last use, within an hour; absent: never."`
}

// TokenNew is a token to be made.
type TokenNew struct {
	Name    string     `json:"name" doc:"What it is for, for people."`
	Scope   []Scope    `json:"scope" nullable:"false" minItems:"1" maxItems:"100" doc:"What it may do: no more than one's role allows, now and later."`
	Expires *time.Time `json:"expires,omitempty" doc:"Absent: never."`
}

// TokenMade is a new token with its secret.
type TokenMade struct {
	Token
	Secret string `json:"secret" doc:"To be sent as Authorization: Bearer. It is shown here and never again."`
}

func toToken(t access.Token) Token {
	described := Token{ID: string(t.ID), Member: string(t.Member), Name: t.Name, Created: timestamp(t.Created),
		Expires: optionalTimestamp(t.Expires), Used: optionalTimestamp(t.LastUsed), Scope: make([]Scope, len(t.Scope))}
	for i, action := range t.Scope {
		described.Scope[i] = Scope(action)
	}
	return described
}

// registerTokens registers the routes of API tokens: one's own, and for those who answer for the organisation all of them.
func (a *API) registerTokens() {
	const tag = "tokens"
	addRoute(a, operation{
		method: "POST", path: "/tokens", id: "createToken", tag: tag, action: access.ActionSelf, status: http.StatusCreated,
		summary: "Make an API token for oneself",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[TokenNew]) (*response[TokenMade], error) {
		scope := make([]access.Action, len(in.Body.Scope))
		for i, action := range in.Body.Scope {
			scope[i] = access.Action(action)
		}
		secret, t, err := a.Access.CreateToken(ctx, who, in.Body.Name, scope, fromOptionalTimestamp(in.Body.Expires))
		auditNoteFrom(ctx).newRecord = toToken(t)
		return reply(TokenMade{toToken(t), secret}, err)
	})
	for _, op := range []operation{
		{path: "/tokens", id: "tokens", action: access.ActionSelf, summary: "List one's API tokens, newest first"},
		{path: "/organisation/tokens", id: "allTokens", action: access.ManageTokens, summary: "List everybody's API tokens, newest first"},
	} {
		op.method, op.tag = "GET", tag
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *PageInput) (*response[List[Token]], error) {
			found, err := a.Access.Tokens(ctx, who.Organisation(), memberScope(op, who), in.page())
			return replyList(found, err, toToken)
		})
	}
	for _, op := range []operation{
		{path: "/tokens/{id}", id: "revokeToken", action: access.ActionSelf, summary: "Revoke an API token of one's own"},
		{path: "/organisation/tokens/{id}", id: "revokeAnyToken", action: access.ManageTokens, summary: "Revoke an API token of anybody"},
	} {
		op.method, op.tag, op.status = "DELETE", tag, http.StatusNoContent
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
			return nil, a.Access.RevokeToken(ctx, who.Organisation(), memberScope(op, who), in.id())
		})
	}
}

// memberScope is the member whose records a route is about: the caller, or nobody in particular.
func memberScope(op operation, who access.Identity) license.ID {
	if op.action == access.ActionSelf {
		return who.Member.ID
	}
	return ""
}
