// Package oidc speaks OpenID Connect with the providers that organisations log in by. It is the access.Provider of the server; who
// somebody is here, package access decides.
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
	maxResponseSize   = 1 << 20   // bytes of one answer of a provider
	discoveryLifetime = time.Hour // what a provider says of itself is good for
)

// Client reaches them. It is safe for concurrent use.
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

// New gives a way to the providers by a client, which says what may be reached: an organisation names its provider, and the provider where
// the rest of it is. The client follows no redirects: what a provider says of itself stands at its address.
func New(now func() time.Time, log *slog.Logger, client http.Client) *Client {
	client.Transport = limitedTransport{client.Transport}
	return &Client{now: now, log: log, cache: map[string]cachedProvider{}, http: &client}
}

// limitedTransport reads no answer without end.
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

// Begin implements access.Provider, as all below.
func (p *Client) Begin(ctx context.Context, c access.OIDCClient, state, nonce, verifier string) (string, error) {
	provider, err := p.discover(ctx, c.Issuer)
	if err != nil {
		return "", err
	}
	return oauthConfig(provider, c).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

func (p *Client) Finish(ctx context.Context, c access.OIDCClient, code, nonce, verifier string) (access.OIDCClaims, error) {
	provider, err := p.discover(ctx, c.Issuer)
	if err != nil {
		return access.OIDCClaims{}, err
	}
	ctx = oidc.ClientContext(ctx, p.http)
	token, err := oauthConfig(provider, c).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider does not take the code", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider gave no ID token", errors.New("no id_token"))
	}
	// Signature, issuer, audience and expiry; an ID token without a signature is none.
	verified, err := provider.Verifier(&oidc.Config{ClientID: c.ID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider's ID token is not good", err)
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider's ID token is for another login", errors.New("another nonce"))
	}
	var claims struct {
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // some providers write it as a text
		Name     string `json:"name"`
	}
	if err := verified.Claims(&claims); err != nil {
		return access.OIDCClaims{}, p.refusal(c.Issuer, "the provider's ID token cannot be read", err)
	}
	return access.OIDCClaims{Subject: verified.Subject, Email: claims.Email, Verified: claims.Verified == true || claims.Verified == "true", Name: claims.Name}, nil
}

func oauthConfig(p *oidc.Provider, c access.OIDCClient) *oauth2.Config {
	return &oauth2.Config{ClientID: c.ID, ClientSecret: c.Secret, RedirectURL: c.Redirect, Endpoint: p.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "email", "profile"}}
}

// discover reads what a provider says of itself, and remembers it for a while.
func (p *Client) discover(ctx context.Context, issuer string) (*oidc.Provider, error) {
	p.mu.Lock()
	k, ok := p.cache[issuer]
	p.mu.Unlock()
	if ok && p.now().Before(k.expires) {
		return k.provider, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), issuer)
	if err != nil {
		p.log.Warn("a provider of logins cannot be read", "issuer", issuer, "error", err)
		return nil, &access.Error{Code: "oidc_unavailable", Detail: "the provider of logins does not answer as one; try again later, or log in with a password"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cache[issuer] = cachedProvider{provider, p.now().Add(discoveryLifetime)}
	return provider, nil
}

// refusal says little, and logs why: what the error holds may be another's words.
func (p *Client) refusal(issuer, detail string, err error) error {
	p.log.Warn("a login by a provider is refused", "issuer", issuer, "error", err)
	return &access.Error{Code: "oidc_refused", Detail: detail}
}
