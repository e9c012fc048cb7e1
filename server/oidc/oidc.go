// Package oidc is the server's OpenID Connect client for the providers that organisations log in with. It implements access.OIDCProvider;
// package access decides which member a person is.
package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/onelicense/onelicense/server/access"
)

const (
	maxResponseSize   = 1 << 20   // bytes of one response of a provider
	discoveryLifetime = time.Hour // how long a discovery document is cached
)

// Client talks to the providers. It is safe for concurrent use.
type Client struct {
	now  func() time.Time
	log  *slog.Logger
	http *http.Client

	mu    sync.Mutex
	cache map[string]cachedProvider // by issuer
}

type cachedProvider struct {
	provider *oidc.Provider
	expires  time.Time
}

// New returns a client. The HTTP client decides which addresses may be reached: an organisation names its provider, and the provider names
// its endpoints. It follows no redirects, because a discovery document is served at its own address.
func New(now func() time.Time, log *slog.Logger, client http.Client) *Client {
	client.Transport = limitedTransport{client.Transport}
	return &Client{now: now, log: log, cache: map[string]cachedProvider{}, http: &client}
}

// limitedTransport bounds the size of responses.
type limitedTransport struct{ http.RoundTripper }

func (b limitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxResponseSize), answer.Body}
	}
	return answer, err
}

// Begin implements access.OIDCProvider.
func (p *Client) Begin(ctx context.Context, c access.OIDCClient, state, nonce, verifier string) (string, error) {
	provider, err := p.discover(ctx, c.Issuer)
	if err != nil {
		return "", err
	}
	return oauthConfig(provider, c).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// Finish implements access.OIDCProvider.
func (p *Client) Finish(ctx context.Context, c access.OIDCClient, code, nonce, verifier string) (access.OIDCClaims, error) {
	provider, err := p.discover(ctx, c.Issuer)
	if err != nil {
		return access.OIDCClaims{}, err
	}
	ctx = oidc.ClientContext(ctx, p.http)
	token, err := oauthConfig(provider, c).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider rejected the authorization code", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider returned no ID token", errors.New("no id_token"))
	}
	// Signature, issuer, audience and expiry; an unsigned ID token is refused.
	verified, err := provider.Verifier(&oidc.Config{ClientID: c.ID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider's ID token is not valid", err)
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider's ID token belongs to another login", errors.New("another nonce"))
	}
	var claims struct {
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // some providers write it as a text
		Name     string `json:"name"`
	}
	if err := verified.Claims(&claims); err != nil {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider's ID token has invalid claims", err)
	}
	return access.OIDCClaims{
		Subject:  verified.Subject,
		Email:    claims.Email,
		Verified: claims.Verified == true || claims.Verified == "true",
		Name:     claims.Name,
	}, nil
}

func oauthConfig(p *oidc.Provider, c access.OIDCClient) *oauth2.Config {
	return &oauth2.Config{
		ClientID:     c.ID,
		ClientSecret: c.Secret,
		RedirectURL:  c.Redirect,
		Endpoint:     p.Endpoint(),
		Scopes:       []string{oidc.ScopeOpenID, "email", "profile"},
	}
}

// discover returns a provider's endpoints and keys, and caches them for discoveryLifetime.
func (p *Client) discover(ctx context.Context, issuer string) (*oidc.Provider, error) {
	p.mu.Lock()
	k, ok := p.cache[issuer]
	p.mu.Unlock()
	if ok && p.now().Before(k.expires) {
		return k.provider, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), issuer)
	if err != nil {
		p.log.Warn("an OpenID Connect provider's discovery document cannot be read", "issuer", issuer, "error", err)
		return nil, &access.Error{
			Code:   "oidc_unavailable",
			Detail: "the OpenID Connect provider is unavailable; try again later, or log in with a password",
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cache[issuer] = cachedProvider{provider, p.now().Add(discoveryLifetime)}
	return provider, nil
}

// refusal returns an error with a fixed text and logs the cause, which may hold the provider's words.
func (p *Client) refusal(issuer, detail string, err error) error {
	p.log.Warn("an OpenID Connect login was refused", "issuer", issuer, "error", err)
	return &access.Error{Code: "oidc_refused", Detail: detail}
}
