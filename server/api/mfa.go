package api

import (
	"context"
	"net/http"

	"github.com/onelicense/onelicense/server/access"
)

// SecondFactor is one's own.
type SecondFactor struct {
	Enabled  bool `json:"enabled"`
	Recovery int  `json:"recovery_codes" doc:"How many are left."`
}

// Enrolment is what an authenticator is given.
type Enrolment struct {
	Secret string `json:"secret" doc:"In base32. It is shown here and never again."`
	URI    string `json:"uri" doc:"otpauth:// address, for a QR code."`
}

// FirstCode is one of a new authenticator.
type FirstCode struct {
	Password string `json:"password,omitempty" doc:"Needed from who has one."`
	Code     string `json:"code"`
}

// Both are what a person who is logged in must show once more.
type Both struct {
	Password string `json:"password"`
	Code     string `json:"code" doc:"Of the authenticator, or a recovery code."`
}

// Recovery codes stand in for the authenticator, each once.
type Recovery struct {
	Codes []string `json:"recovery_codes" nullable:"false" doc:"They are shown here and never again."`
}

// Confirmed is the session that replaces the present one, and the codes.
type Confirmed struct {
	Session
	Recovery
}

type mfaEnabledResponse struct {
	Cookie http.Cookie `header:"Set-Cookie"`
	Body   Confirmed
}

// AccessSettings are the organisation's rules for its door.
type AccessSettings struct {
	RequireMFA bool      `json:"require_mfa" doc:"Whoever came in by a password alone can do nothing but make a second factor; API tokens made so stop."`
	OIDC       *Provider `json:"oidc,omitempty"`
	Revision   int64     `json:"revision"`
}

// Provider is where an organisation's people log in too, by OpenID Connect.
type Provider struct {
	Issuer    string   `json:"issuer" doc:"Its address, such as https://login.example.com."`
	ClientID  string   `json:"client_id"`
	Domains   []string `json:"domains,omitempty" nullable:"false" doc:"Of e-mail addresses that are let in; absent: all."`
	Newcomers string   `json:"newcomers,omitempty" enum:"admin,developer,support,viewer" doc:"What somebody becomes who was not invited; absent: nothing. Needs domains."`
}

// ProviderEdit replaces it.
type ProviderEdit struct {
	Provider
	ClientSecret string `json:"client_secret,omitempty" doc:"Kept where it is absent and the client the same. No answer shows it."`
}

// AccessSettingsEdit replaces them.
type AccessSettingsEdit struct {
	RequireMFA bool          `json:"require_mfa"`
	OIDC       *ProviderEdit `json:"oidc,omitempty" doc:"Absent: people log in here alone."`
	Revision   int64         `json:"revision,omitempty" minimum:"1" doc:"As they were read; needed unless If-Match names it."`
}

// registerMFA registers the routes of the second factor, and of who must have one.
func (a *API) registerMFA() {
	const tag, path = "session", "/session/mfa"
	addRoute(a, operation{
		method: "GET", path: path, id: "secondFactor", tag: tag, action: access.ActionSelf,
		summary: "Whether one has a second factor",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[SecondFactor], error) {
		f, err := a.Access.MFAStatusOf(ctx, who)
		return reply(SecondFactor(f), err)
	})
	addRoute(a, operation{
		method: "POST", path: path, id: "enrolSecondFactor", tag: tag, action: access.ActionSelf, status: http.StatusCreated,
		summary: "Make a secret for an authenticator; it is asked for when a code of it was shown",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[Enrolment], error) {
		org, err := a.Catalogue.Organisation(ctx, who.Organisation())
		if err != nil {
			return nil, err
		}
		secret, uri, err := a.Access.EnrolTOTP(ctx, who, org.Name)
		return reply(Enrolment{secret, uri}, err)
	})
	addRoute(a, operation{
		method: "POST", path: path + "/confirm", id: "confirmSecondFactor", tag: tag, action: access.ActionSelf,
		summary: "Show a first code: from now on logging in takes one. A new session replaces all of before",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[FirstCode]) (*mfaEnabledResponse, error) {
		codes, token, now, err := a.Access.ConfirmTOTP(ctx, who, in.Body.Password, in.Body.Code, clientAddress(ctx))
		l, err := a.newSessionResponse(ctx, token, now, err)
		if err != nil {
			return nil, err
		}
		return &mfaEnabledResponse{l.Cookie, Confirmed{l.Body, Recovery{codes}}}, nil
	})
	addRoute(a, operation{
		method: "POST", path: path + "/recovery", id: "newRecoveryCodes", tag: tag, action: access.ActionSelf,
		summary: "Make new recovery codes in the place of the old ones",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[Both]) (*response[Recovery], error) {
		codes, err := a.Access.NewRecoveryCodes(ctx, who, in.Body.Password, in.Body.Code, clientAddress(ctx))
		return reply(Recovery{codes}, err)
	})
	addRoute(a, operation{
		method: "POST", path: path + "/disable", id: "disableSecondFactor", tag: tag, action: access.ActionSelf, status: http.StatusNoContent,
		summary: "Take one's second factor away",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[Both]) (*empty, error) {
		return nil, a.Access.DisableTOTP(ctx, who, in.Body.Password, in.Body.Code, clientAddress(ctx))
	})
	addRoute(a, operation{
		method: "DELETE", path: "/members/{id}/mfa", id: "takeSecondFactor", tag: "members", action: access.EditMembers, status: http.StatusNoContent,
		summary: "Take the second factor of a person away who has lost it, and end the sessions",
	}, func(ctx context.Context, who access.Identity, in *IDPathInput) (*empty, error) {
		return nil, a.Access.ResetMFA(ctx, who, in.id())
	})
	addRoute(a, operation{
		method: "GET", path: "/organisation/access", id: "accessSettings", tag: "organisation", action: access.ManageAccess,
		summary: "The organisation's rules for logging in",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*response[AccessSettings], error) {
		set, err := a.Access.Settings(ctx, who.Organisation())
		return reply(toAccessSettings(set), err)
	})
	addRoute(a, operation{
		method: "PUT", path: "/organisation/access", id: "changeAccessSettings", tag: "organisation", action: access.ManageAccess,
		summary: "Change the organisation's rules for logging in",
	}, func(ctx context.Context, who access.Identity, in *bodyInput[AccessSettingsEdit]) (*response[AccessSettings], error) {
		set, secret := access.Settings{RequireMFA: in.Body.RequireMFA, Revision: in.Body.Revision}, ""
		if o := in.Body.OIDC; o != nil {
			set.OIDC = &access.OIDC{Issuer: o.Issuer, ClientID: o.ClientID, Domains: o.Domains, DefaultRole: access.Role(o.Newcomers)}
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
		described.OIDC = &Provider{o.Issuer, o.ClientID, o.Domains, string(o.DefaultRole)}
	}
	return described
}
