package api

import (
	"context"
	"net/http"

	"github.com/onelicense/onelicense/server/access"
)

// MFAStatus is one's own.
type MFAStatus struct {
	Enabled           bool `json:"enabled"`
	RecoveryCodesLeft int  `json:"recovery_codes_left"`
}

// Enrolment holds the secret for an authenticator app, and the recovery codes.
type Enrolment struct {
	Secret string `json:"secret"`
	URI    string `json:"uri"`
}

// ConfirmMFAInput is one of a new authenticator.
type ConfirmMFAInput struct {
	Password string `json:"password,omitempty"`
	Code     string `json:"code"`
}

// ReauthenticationInput holds the credentials that a person who is logged in must enter again.
type ReauthenticationInput struct {
	Password string `json:"password"`
	Code     string `json:"code"`
}

// RecoveryCodes codes stand in for the authenticator, each once.
type RecoveryCodes struct {
	Codes []string `json:"recovery_codes" nullable:"false"`
}

// MFAEnabled is the session that replaces the present one, and the codes.
type MFAEnabled struct {
	Session
	RecoveryCodes
}

type mfaEnabledResponse struct {
	Cookie http.Cookie `header:"Set-Cookie"`
	Body   MFAEnabled
}

// AccessSettings are the organisation's rules for its door.
type AccessSettings struct {
	RequireMFA bool          `json:"require_mfa"`
	OIDC       *OIDCProvider `json:"oidc,omitempty"`
	Revision   int64         `json:"revision"`
}

// OIDCProvider describes an organisation's OpenID Connect provider, by which its members can log in.
type OIDCProvider struct {
	Issuer      string   `json:"issuer"`
	ClientID    string   `json:"client_id"`
	Domains     []string `json:"domains,omitempty" nullable:"false"`
	DefaultRole string   `json:"default_role,omitempty" enum:"admin,developer,support,viewer"`
}

// OIDCProviderInput replaces it.
type OIDCProviderInput struct {
	OIDCProvider
	ClientSecret string `json:"client_secret,omitempty"`
}

// UpdateAccessSettingsInput replaces them.
type UpdateAccessSettingsInput struct {
	RequireMFA bool               `json:"require_mfa"`
	OIDC       *OIDCProviderInput `json:"oidc,omitempty"`
	Revision   int64              `json:"revision,omitempty" minimum:"1"`
}

// registerMFA registers the routes of the second factor, and of who must have one.
func (a *API) registerMFA() {
	const tag, path = "session", "/session/mfa"
	addRoute(a, operation{
		method: "GET", path: path, id: "getMFA", tag: tag, action: access.ActionSelf,
		summary: "Read whether your two-factor authentication is enabled",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[MFAStatus], error) {
		f, err := a.Access.MFAStatusOf(ctx, who)
		return reply(MFAStatus{f.Enabled, f.Recovery}, err)
	})
	addRoute(a, operation{
		method: "POST", path: path, id: "enrolMFA", tag: tag, action: access.ActionSelf, status: http.StatusCreated,
		summary: "Create a secret for an authenticator; confirm it with a code to enable two-factor authentication",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[Enrolment], error) {
		org, err := a.Catalogue.Organisation(ctx, who.Organisation())
		if err != nil {
			return nil, err
		}
		secret, uri, err := a.Access.EnrolTOTP(ctx, who, org.Name)
		return reply(Enrolment{secret, uri}, err)
	})
	addRoute(a, operation{
		method: "POST", path: path + "/confirm", id: "confirmMFA", tag: tag, action: access.ActionSelf,
		summary: "Enable two-factor authentication with a first code; a new session replaces all others",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[ConfirmMFAInput]) (*mfaEnabledResponse, error) {
		codes, token, now, err := a.Access.ConfirmTOTP(ctx, who, in.Body.Password, in.Body.Code, clientAddress(ctx))
		l, err := a.newSessionResponse(ctx, token, now, err)
		if err != nil {
			return nil, err
		}
		return &mfaEnabledResponse{l.Cookie, MFAEnabled{l.Body, RecoveryCodes{codes}}}, nil
	})
	addRoute(a, operation{
		method: "POST", path: path + "/recovery-codes", id: "createRecoveryCodes", tag: tag, action: access.ActionSelf,
		summary: "Create new recovery codes that replace the old ones",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[ReauthenticationInput]) (*response[RecoveryCodes], error) {
		codes, err := a.Access.NewRecoveryCodes(ctx, who, in.Body.Password, in.Body.Code, clientAddress(ctx))
		return reply(RecoveryCodes{codes}, err)
	})
	addRoute(a, operation{
		method: "POST", path: path + "/disable", id: "disableMFA", tag: tag, action: access.ActionSelf, status: http.StatusNoContent,
		summary: "Disable your two-factor authentication",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[ReauthenticationInput]) (*empty, error) {
		return nil, a.Access.DisableTOTP(ctx, who, in.Body.Password, in.Body.Code, clientAddress(ctx))
	})
	addRoute(a, operation{
		method: "DELETE", path: "/members/{id}/mfa", id: "resetMemberMFA", tag: "members", action: access.EditMembers,
		status:  http.StatusNoContent,
		summary: "Reset a member's two-factor authentication and end their sessions",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Access.ResetMFA(ctx, who, in.id())
	})
	addRoute(a, operation{
		method: "GET", path: "/organisation/access", id: "getAccessSettings", tag: "organisation", action: access.ManageAccess,
		summary: "Read the organisation's login settings",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[AccessSettings], error) {
		set, err := a.Access.Settings(ctx, who.Organisation())
		return reply(toAccessSettings(set), err)
	})
	addRoute(a, operation{
		method: "PUT", path: "/organisation/access", id: "updateAccessSettings", tag: "organisation", action: access.ManageAccess,
		summary: "Replace the organisation's login settings",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[UpdateAccessSettingsInput]) (*response[AccessSettings], error) {
		set, secret := access.Settings{RequireMFA: in.Body.RequireMFA, Revision: in.Body.Revision}, ""
		if o := in.Body.OIDC; o != nil {
			set.OIDC = &access.OIDC{Issuer: o.Issuer, ClientID: o.ClientID, Domains: o.Domains, DefaultRole: access.Role(o.DefaultRole)}
			secret = o.ClientSecret
		}
		set, err := a.Access.UpdateSettings(ctx, who, set, secret)
		auditNoteFrom(ctx).newRecord = toAccessSettings(set)
		return reply(toAccessSettings(set), err)
	})
}

func toAccessSettings(s access.Settings) AccessSettings {
	described := AccessSettings{RequireMFA: s.RequireMFA, Revision: s.Revision}
	if o := s.OIDC; o != nil {
		described.OIDC = &OIDCProvider{o.Issuer, o.ClientID, o.Domains, string(o.DefaultRole)}
	}
	return described
}
