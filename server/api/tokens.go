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
	ID       string     `json:"id"`
	Member   string     `json:"member"`
	Name     string     `json:"name"`
	Scope    []Scope    `json:"scope" nullable:"false"`
	Created  time.Time  `json:"created"`
	Expires  *time.Time `json:"expires,omitempty"`
	LastUsed *time.Time `json:"last_used,omitempty"`
}

// CreateTokenInput is a token to be made.
type CreateTokenInput struct {
	Name    string     `json:"name"`
	Scope   []Scope    `json:"scope" nullable:"false" minItems:"1" maxItems:"100"`
	Expires *time.Time `json:"expires,omitempty"`
}

// CreatedToken is a new token with its secret.
type CreatedToken struct {
	Token
	Secret string `json:"secret"`
}

func toToken(t access.Token) Token {
	described := Token{ID: string(t.ID), Member: string(t.Member), Name: t.Name, Created: timestamp(t.Created),
		Expires: optionalTimestamp(t.Expires), LastUsed: optionalTimestamp(t.LastUsed), Scope: make([]Scope, len(t.Scope))}
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
		summary: "Create an API token for yourself",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[CreateTokenInput]) (*response[CreatedToken], error) {
		scope := make([]access.Action, len(in.Body.Scope))
		for i, action := range in.Body.Scope {
			scope[i] = access.Action(action)
		}
		secret, t, err := a.Access.CreateToken(ctx, who, in.Body.Name, scope, fromOptionalTimestamp(in.Body.Expires))
		auditNoteFrom(ctx).newRecord = toToken(t)
		return reply(CreatedToken{toToken(t), secret}, err)
	})
	for _, op := range []operation{
		{path: "/tokens", id: "listTokens", action: access.ActionSelf, summary: "List your API tokens, newest first"},
		{path: "/organisation/tokens", id: "listAllTokens", action: access.ManageTokens,
			summary: "List the API tokens of all members, newest first"},
	} {
		op.method, op.tag = "GET", tag
		addRoute(a, op, func(ctx context.Context, who access.Identity, in *PageInput) (*response[List[Token]], error) {
			found, err := a.Access.Tokens(ctx, who.Organisation(), memberScope(op, who), in.page())
			return replyList(found, err, toToken)
		})
	}
	for _, op := range []operation{
		{path: "/tokens/{id}", id: "revokeToken", action: access.ActionSelf, summary: "Revoke one of your API tokens"},
		{path: "/organisation/tokens/{id}", id: "revokeAnyToken", action: access.ManageTokens, summary: "Revoke an API token of any member"},
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
