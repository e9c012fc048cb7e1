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

// An API token lets a program act for the member who created it, within a scope. It never has more permissions than the member: each
// request reads the member as it is then. Nothing is cached between requests, so what is revoked, disabled or demoted on one node is so on
// all nodes with the next request.
//
// The secret is written ol_<id>_<64 hex digits>. The id is public: lists show it, and a token that was leaked can be revoked by it. Secret
// scanners can look for ^ol_[0-9a-f]{24}_[0-9a-f]{64}$.

// Token is an API token without its secret, which is shown only once.
type Token struct {
	ID           license.ID
	Organisation license.ID
	Member       license.ID // who created it
	Name         string
	Scope        []Action
	Created      lease.Time
	Expires      lease.Time // 0: never
	LastUsed     lease.Time // within lastUsedPrecision; 0: never
}

const (
	tokenKind   = "token"
	tokenPrefix = "ol_"
	maxScope    = 100 // more than there are actions
)

// lastUsedPrecision is the interval at which LastUsed is updated, so that a busy token does not cost a write for each request.
const lastUsedPrecision = time.Hour

// tokenRecord is the body of a token's entry.
type tokenRecord struct {
	Hash     lease.Hash `json:"hash"`
	Member   license.ID `json:"member"`
	Name     string     `json:"name"`
	Scope    []Action   `json:"scope"`
	Expires  lease.Time `json:"expires,omitempty"`
	LastUsed lease.Time `json:"used,omitempty"`
	Strong   bool       `json:"strong,omitempty"` // created in a session with more than a password
}

// CreateToken creates a token for the caller. It returns the secret, which cannot be read again.
func (s *Service) CreateToken(ctx context.Context, who Identity, name string, scope []Action, expires lease.Time) (secret string, t Token,
	err error) {
	now := s.timestamp()
	if err := cmp.Or(checkLine("name", name), checkScope(who.Member.Role, scope)); err != nil {
		return "", Token{}, err
	}
	if expires != 0 && expires <= now {
		return "", Token{}, &licensing.Invalid{Field: "expires", Problem: "is in the past"}
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
		return &licensing.Invalid{Field: "scope", Problem: "is empty or has too many actions"}
	}
	for _, action := range scope {
		switch {
		case !slices.Contains(Scopes(), action):
			return &licensing.Invalid{Field: "scope", Problem: fmt.Sprintf("contains %q, which a token cannot have", action)}
		case !May(role, action):
			return &licensing.Invalid{Field: "scope", Problem: fmt.Sprintf("contains %q, which the role %s does not allow", action, role)}
		}
	}
	return nil
}

// Tokens lists the tokens of a member, or with an empty id of the whole organisation.
func (s *Service) Tokens(ctx context.Context, org, member license.ID, page licensing.Page) (licensing.Listing[Token], error) {
	found, err := s.tokens().List(ctx, org, string(member), page)
	if err != nil {
		return licensing.Listing[Token]{}, err
	}
	return licensing.MapListing(found, tokenOf)
}

// RevokeToken deletes a token of the member, or with an empty member id of anybody in the organisation.
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

// AuthenticateToken returns the identity that a token acts for. Wrong tokens are counted against the address's rate limit.
func (s *Service) AuthenticateToken(ctx context.Context, secret, address string) (Identity, error) {
	who, err := s.LookupToken(ctx, secret)
	if err == errBadToken {
		err = s.countFailure(ctx, tokenKind, address, errBadToken)
	}
	return who, err
}

var errBadToken = &Error{Code: "bad_token", Detail: "the API token is unknown or was revoked; create a new one"}

// LookupToken is AuthenticateToken without counting a wrong token, for code that runs before the request is authenticated.
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
		return Identity{}, &Error{Code: "token_expired", Detail: "the API token has expired; create a new one"}
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
		// Another request may have written it first, or the token may be revoked by now; if the store fails, the handler will report it.
		_, _ = s.tokens().Replace(ctx, e)
	}
	t, err := tokenOf(e)
	if err != nil {
		return Identity{}, err
	}
	return s.completeIdentity(ctx, Identity{Member: member, Token: &t}, kept.Strong)
}
