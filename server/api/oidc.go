package api

import (
	"context"
	"net/http"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
)

// oidcCookie shows that it is the same browser that comes back.
const (
	oidcCookieName = "onelicense_oidc"
	oidcCookieLife = 10 * time.Minute
)

// OIDCLoginInput names the one that somebody logs in to.
type OIDCLoginInput struct {
	Organisation string `query:"organisation" required:"true" pattern:"^[0-9a-f]{24}$"`
}

// OIDCCallbackInput holds the query of a provider's redirect. Only the first four count; others are known to come along.
type OIDCCallbackInput struct {
	State        string `query:"state" required:"true" maxLength:"100"`
	Code         string `query:"code" maxLength:"4096"`
	Issuer       string `query:"iss" maxLength:"500"`
	Error        string `query:"error" maxLength:"100"`
	Description  string `query:"error_description" maxLength:"1000"`
	Page         string `query:"error_uri" maxLength:"500"`
	SessionState string `query:"session_state" maxLength:"500"`
	Scope        string `query:"scope" maxLength:"1000"`
	AuthUser     string `query:"authuser" maxLength:"50"`
	Domain       string `query:"hd" maxLength:"250"`
	Prompt       string `query:"prompt" maxLength:"50"`
	Browser      string `cookie:"onelicense_oidc"`
}

// OIDCRedirect holds the address that the browser must open.
type OIDCRedirect struct {
	URL string `json:"url"`
}

type redirectResponse struct {
	Location string        `header:"Location"`
	Cookies  []http.Cookie `header:"Set-Cookie"`
}

type oidcStartResponse struct {
	Cookie http.Cookie `header:"Set-Cookie"`
	Body   OIDCRedirect
}

func (a *API) oidcCookie(browser string) http.Cookie {
	c := http.Cookie{
		Name: oidcCookieName, Value: browser, Path: access.OIDCCallback, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.Secure,
		MaxAge: int(oidcCookieLife / time.Second),
	}
	if browser == "" {
		c.MaxAge = -1
	}
	return c
}

// registerOIDC registers logins by an organisation's own provider. They are links, so no page is needed between.
func (a *API) registerOIDC() {
	const tag = "session"
	addRoute(a, operation{
		method: "GET", path: "/oidc/login", id: "oidcLogin", tag: tag, action: access.ActionAnyone, status: http.StatusSeeOther,
		summary: "Start a login at the organisation's OpenID Connect provider",
	}, func(ctx context.Context, _ access.Identity, in *OIDCLoginInput) (*redirectResponse, error) {
		to, browser, err := a.Access.BeginOIDC(ctx, license.ID(in.Organisation), "", clientAddress(ctx))
		if err != nil {
			return nil, err
		}
		return &redirectResponse{to, []http.Cookie{a.oidcCookie(browser)}}, nil
	})
	addRoute(a, operation{
		method: "POST", path: "/session/oidc", id: "linkIdentity", tag: tag, action: access.ActionSelf, readOnly: true,
		summary: "Start linking your identity at the organisation's OpenID Connect provider",
	}, func(ctx context.Context, who access.Identity, _ *empty) (*oidcStartResponse, error) {
		to, browser, err := a.Access.BeginOIDC(ctx, who.Organisation(), who.Member.ID, clientAddress(ctx))
		if err != nil {
			return nil, err
		}
		return &oidcStartResponse{a.oidcCookie(browser), OIDCRedirect{to}}, nil
	})
	addRoute(a, operation{
		method: "GET", path: "/oidc/callback", id: "oidcCallback", tag: tag, action: access.ActionAnyone, status: http.StatusSeeOther,
		login:   true,
		summary: "Complete a login at the OpenID Connect provider",
	}, func(ctx context.Context, _ access.Identity, in *OIDCCallbackInput) (*redirectResponse, error) {
		token, who, err := a.Access.FinishOIDC(ctx, in.State, in.Code, in.Issuer, in.Browser, clientAddress(ctx))
		if err != nil {
			return nil, err
		}
		auditNoteFrom(ctx).who = who
		return &redirectResponse{"/", []http.Cookie{a.newSessionCookie(token), a.oidcCookie("")}}, nil
	})
}
