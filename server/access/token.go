package access

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// An API token lets a program act for the member who made it, within a scope. It is never worth more than its maker is: not when it is
// made, and not later, for each request looks at the member as it is then. Nothing of it is remembered between requests, so what is
// revoked, disabled or demoted on one node is so on all of them with the next request.
//
// The secret is written ol_<id>_<64 hex digits>. The id is no secret: it is what a list shows and what a token that was found somewhere
// is revoked by. Scanners for lost secrets can look for ^ol_[0-9a-f]{24}_[0-9a-f]{64}$.

// Token is an API token as it is listed; its secret was shown once.
type Token struct {
	ID           license.ID
	Organisation license.ID
	Member       license.ID // who made it
	Name         string
	Scope        []Action
	Created      lease.Time
	Expires      lease.Time // 0: never
	LastUsed     lease.Time // within an hour; 0: never
}

const (
	tokenKind   = "token"
	tokenPrefix = "ol_"
	maxScope    = 100 // more than there are actions
)

// lastUsedPrecision is how coarse the time of last use is, so that a busy token is not a write for each request.
const lastUsedPrecision = time.Hour

// tokenRecord is the body of a token's entry.
type tokenRecord struct {
	Hash     lease.Hash `json:"hash"`
	Member   license.ID `json:"member"`
	Name     string     `json:"name"`
	Scope    []Action   `json:"scope"`
	Expires  lease.Time `json:"expires,omitempty"`
	LastUsed lease.Time `json:"used,omitempty"`
	Strong   bool       `json:"strong,omitempty"` // made in a session that had more than a password
}

// CreateToken makes a token for oneself. The secret is given here and never again.
func (s *Service) CreateToken(ctx context.Context, who Identity, name string, scope []Action, expires lease.Time) (secret string, t Token, err error) {
	now := s.timestamp()
	if err := cmp.Or(checkLine("name", name), checkScope(who.Member.Role, scope)); err != nil {
		return "", Token{}, err
	}
	if expires != 0 && expires <= now {
		return "", Token{}, &licensing.Invalid{Field: "expires", Problem: "is past"}
	}
	scope = slices.Compact(slices.Sorted(slices.Values(scope)))
	id := s.newID(ctx)
	secret = tokenPrefix + string(id) + "_" + s.newToken(ctx)
	e := licensing.Entry{ID: string(id), Org: who.Organisation(), List: string(who.Member.ID), Search: name, Created: now}
	if expires != 0 {
		e.Until = expires + lease.Time(expiredRetention.Milliseconds())
	}
	created, err := s.tokens().Create(ctx, e, tokenRecord{Hash: hashToken("token", secret), Member: who.Member.ID, Name: name, Scope: scope,
		Expires: expires, Strong: who.Session.AuthMethod != AuthPassword})
	if err != nil && !licensing.IsReplay(ctx, err) {
		return "", Token{}, err
	}
	t, err = tokenOf(created)
	return secret, t, err
}

func checkScope(role Role, scope []Action) error {
	if len(scope) == 0 || len(scope) > maxScope {
		return &licensing.Invalid{Field: "scope", Problem: "names no action, or too many"}
	}
	for _, action := range scope {
		switch {
		case !slices.Contains(Scopes(), action):
			return &licensing.Invalid{Field: "scope", Problem: fmt.Sprintf("names %q, which no token can be given", action)}
		case !May(role, action):
			return &licensing.Invalid{Field: "scope", Problem: fmt.Sprintf("names %q, which the role %s does not allow", action, role)}
		}
	}
	return nil
}

// Tokens lists those of a member, or with an empty id all of the organisation.
func (s *Service) Tokens(ctx context.Context, org, member license.ID, page licensing.Page) (licensing.Listing[Token], error) {
	found, err := s.tokens().List(ctx, org, string(member), page)
	if err != nil {
		return licensing.Listing[Token]{}, err
	}
	return licensing.MapListing(found, tokenOf)
}

// RevokeToken ends a token of the member, or with an empty id of anybody in the organisation.
func (s *Service) RevokeToken(ctx context.Context, org, member, id license.ID) error {
	e, err := s.tokens().GetOf(ctx, org, string(id))
	if err != nil {
		return err
	}
	if member != "" && e.List != string(member) {
		return licensing.ErrNotFound
	}
	return s.tokens().Delete(ctx, string(id), 0)
}

func tokenOf(e licensing.TypedEntry[tokenRecord]) (Token, error) {
	k := e.Value
	return Token{ID: license.ID(e.ID), Organisation: e.Org, Member: k.Member, Name: k.Name, Scope: k.Scope, Created: e.Created,
		Expires: k.Expires, LastUsed: k.LastUsed}, nil
}

// AuthenticateToken turns a token's secret into who it acts for. The ways to fail have the codes that those of a session have.
func (s *Service) AuthenticateToken(ctx context.Context, secret, address string) (Identity, error) {
	who, err := s.LookupToken(ctx, secret)
	if err == errBadToken {
		err = s.countFailure(ctx, tokenKind, address, errBadToken)
	}
	return who, err
}

var errBadToken = &Error{Code: "bad_token", Detail: "there is no such API token, or it was revoked"}

// LookupToken is AuthenticateToken for a look ahead: a wrong token is not counted.
func (s *Service) LookupToken(ctx context.Context, secret string) (Identity, error) {
	id, _, ok := strings.Cut(strings.TrimPrefix(secret, tokenPrefix), "_")
	if !ok || len(id) != 24 || !strings.HasPrefix(secret, tokenPrefix) {
		return Identity{}, errBadToken
	}
	e, err := s.tokens().Get(ctx, id)
	if errors.Is(err, licensing.ErrNotFound) {
		return Identity{}, errBadToken
	} else if err != nil {
		return Identity{}, err
	}
	kept := e.Value
	if subtle.ConstantTimeCompare([]byte(hashToken("token", secret)), []byte(kept.Hash)) != 1 {
		return Identity{}, errBadToken
	}
	now := s.timestamp()
	if kept.Expires != 0 && now >= kept.Expires {
		return Identity{}, &Error{Code: "token_expired", Detail: "the API token has ended; make another one"}
	}
	member, err := s.store.Member(ctx, e.Org, kept.Member)
	switch {
	case errors.Is(err, licensing.ErrNotFound) || err == nil && member.Disabled:
		return Identity{}, errBadToken
	case err != nil:
		return Identity{}, err
	}
	if now >= kept.LastUsed+lease.Time(lastUsedPrecision.Milliseconds()) {
		e.Value.LastUsed = now
		// Another request may have written it first, or the token be revoked by now; a failing store is the handler's affair.
		_, _ = s.tokens().Replace(ctx, e)
	}
	t, err := tokenOf(e)
	if err != nil {
		return Identity{}, err
	}
	return s.completeIdentity(ctx, Identity{Member: member, Token: &t}, kept.Strong)
}
