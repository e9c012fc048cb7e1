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
	maxAnswer = 1 << 20   // bytes of one answer of a provider
	kept      = time.Hour // what a provider says of itself is good for
)

// Providers reaches them. It is safe for concurrent use.
type Providers struct {
	now    func() time.Time
	log    *slog.Logger
	client *http.Client

	mu    sync.Mutex
	known map[string]known // by issuer
}

type known struct {
	provider *oidc.Provider
	until    time.Time
}

// New gives a way to the providers by a client, which says what may be reached: an organisation names its provider, and the provider where
// the rest of it is. The client follows no redirects: what a provider says of itself stands at its address.
func New(now func() time.Time, log *slog.Logger, client http.Client) *Providers {
	client.Transport = bounded{client.Transport}
	return &Providers{now: now, log: log, known: map[string]known{}, client: &client}
}

// bounded reads no answer without end.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, err
}

// Begin implements access.Provider, as all below.
func (p *Providers) Begin(ctx context.Context, c access.Client, state, nonce, verifier string) (string, error) {
	provider, err := p.provider(ctx, c.Issuer)
	if err != nil {
		return "", err
	}
	return config(provider, c).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

func (p *Providers) Finish(ctx context.Context, c access.Client, code, nonce, verifier string) (access.Claims, error) {
	provider, err := p.provider(ctx, c.Issuer)
	if err != nil {
		return access.Claims{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := config(provider, c).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return access.Claims{}, p.refuse(c.Issuer, "the provider does not take the code", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return access.Claims{}, p.refuse(c.Issuer, "the provider gave no ID token", errors.New("no id_token"))
	}
	// Signature, issuer, audience and expiry; an ID token without a signature is none.
	verified, err := provider.Verifier(&oidc.Config{ClientID: c.ID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return access.Claims{}, p.refuse(c.Issuer, "the provider's ID token is not good", err)
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
		return access.Claims{}, p.refuse(c.Issuer, "the provider's ID token is for another login", errors.New("another nonce"))
	}
	var claims struct {
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // some providers write it as a text
		Name     string `json:"name"`
	}
	if err := verified.Claims(&claims); err != nil {
		return access.Claims{}, p.refuse(c.Issuer, "the provider's ID token cannot be read", err)
	}
	return access.Claims{Subject: verified.Subject, Email: claims.Email, Verified: claims.Verified == true || claims.Verified == "true", Name: claims.Name}, nil
}

func config(p *oidc.Provider, c access.Client) *oauth2.Config {
	return &oauth2.Config{ClientID: c.ID, ClientSecret: c.Secret, RedirectURL: c.Redirect, Endpoint: p.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "email", "profile"}}
}

// provider reads what a provider says of itself, and remembers it for a while.
func (p *Providers) provider(ctx context.Context, issuer string) (*oidc.Provider, error) {
	p.mu.Lock()
	k, ok := p.known[issuer]
	p.mu.Unlock()
	if ok && p.now().Before(k.until) {
		return k.provider, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), issuer)
	if err != nil {
		p.log.Warn("a provider of logins cannot be read", "issuer", issuer, "error", err)
		return nil, &access.Error{Code: "oidc_unavailable", Detail: "the provider of logins does not answer as one; try again later, or log in with a password"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[issuer] = known{provider, p.now().Add(kept)}
	return provider, nil
}

// refuse says little, and logs why: what the error holds may be another's words.
func (p *Providers) refuse(issuer, detail string, err error) error {
	p.log.Warn("a login by a provider is refused", "issuer", issuer, "error", err)
	return &access.Error{Code: "oidc_refused", Detail: detail}
}
