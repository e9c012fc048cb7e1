package access

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// An organisation may let its members log in with an OpenID Connect provider of its own (authorization code with PKCE, state and nonce).
// The provider says who a person is; which member that is, is decided here:
//
//   - an identity of the provider that logged in before is the same member again, whatever its address is now;
//   - otherwise it needs an address that the provider has verified, in one of the allowed domains. With it the person is the member who has
//     verified the same address here, or the one who was invited by it, or, if the organisation wants that, a new member;
//   - a member whose address was never verified here is not given to a person who has the address at the provider, because a colleague may
//     have entered it. Such members link the provider themselves while logged in, with the same address.
//
// A member has at most one identity of a provider.

// OIDC configures an organisation's provider and who may log in with it.
type OIDC struct {
	Issuer       string   `json:"issuer"` // address of the provider, below which its discovery document is
	ClientID     string   `json:"client_id"`
	SealedSecret []byte   `json:"sealed"`
	Domains      []string `json:"domains,omitempty"`   // of e-mail addresses that may log in; none: all
	DefaultRole  Role     `json:"newcomers,omitempty"` // role of new members who were not invited; empty: nobody else may log in
}

// OIDCProvider talks to the providers. What it refuses is an *Error.
type OIDCProvider interface {
	// Begin returns the address at the provider that the browser is sent to.
	Begin(ctx context.Context, c OIDCClient, state, nonce, verifier string) (string, error)
	// Finish exchanges the code that the browser brought back for claims.
	Finish(ctx context.Context, c OIDCClient, code, nonce, verifier string) (OIDCClaims, error)
}

// OIDCClient is the server's registration at a provider.
type OIDCClient struct{ Issuer, ID, Secret, Redirect string }

// OIDCClaims are a provider's statements about a person.
type OIDCClaims struct {
	Subject  string
	Email    string
	Verified bool
	Name     string
}

const (
	oidcStateKind     = "oidc_state"
	oidcLinkKind      = "oidc_link"
	oidcLifetime      = 10 * time.Minute // from the redirect to the provider until the callback
	maxDomains        = 50
	oidcSecretPurpose = "oidc\n"
)

// OIDCCallback is the path that a provider redirects browsers back to. It is registered at the provider.
const OIDCCallback = "/api/v1/oidc/callback"

func checkOIDC(o OIDC) error {
	u, err := url.Parse(o.Issuer)
	local := false
	if err == nil {
		ip, failed := netip.ParseAddr(u.Hostname())
		local = u.Hostname() == "localhost" || failed == nil && ip.IsLoopback()
	}
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" &&
		local):
		return &licensing.Invalid{Field: "oidc.issuer", Problem: "is not an address of the form https://host/path"}
	case len(o.Domains) > maxDomains:
		return &licensing.Invalid{Field: "oidc.domains", Problem: "has more than 50 domains; at most 50 are allowed"}
	case o.DefaultRole == Owner:
		return &licensing.Invalid{Field: "oidc.default_role", Problem: "is owner; new members cannot be owners"}
	case o.DefaultRole != "" && len(o.Domains) == 0:
		return &licensing.Invalid{Field: "oidc.domains",
			Problem: "is empty, but new members need a domain; otherwise everybody known to the provider could log in"}
	}
	for _, d := range o.Domains {
		if d != strings.ToLower(d) || !strings.Contains(d, ".") || strings.ContainsAny(d, "@ /:") {
			return &licensing.Invalid{Field: "oidc.domains", Problem: "contains a value that is not a lower-case domain such as example.com"}
		}
	}
	if o.DefaultRole != "" {
		if err := checkRole(o.DefaultRole); err != nil {
			return &licensing.Invalid{Field: "oidc.default_role", Problem: "is not a role; use owner, admin, developer, support or viewer"}
		}
	}
	return checkLine("oidc.client_id", o.ClientID)
}

// oidcState is the body of a login's entry, whose id is the hash of the state parameter.
type oidcState struct {
	Nonce    string     `json:"nonce"`
	Verifier string     `json:"verifier"`
	Browser  lease.Hash `json:"browser"`          // of the cookie that proves that it is the same browser
	Member   license.ID `json:"member,omitempty"` // the member who links the provider; empty: a login
}

func oidcError(code, detail string) *Error { return &Error{Code: code, Detail: detail} }

var (
	errOIDCOff   = oidcError("oidc_not_configured", "this organisation has no OpenID Connect provider")
	errOIDCState = oidcError("oidc_state",
		"this login was started in another browser, was finished already, or took too long; start again")
	errOIDCStranger   = oidcError("oidc_not_a_member", "your address is not allowed to log in to this organisation; ask for an invitation")
	errOIDCUnverified = oidcError("oidc_unverified", "the provider has not verified your e-mail address")
	errOIDCUnlinked   = oidcError("oidc_unlinked",
		"your address belongs to a member who has not verified it; log in with the password and link the provider")
)

func (s *Service) oidcClient(ctx context.Context, org license.ID) (OIDCClient, OIDC, error) {
	set, err := s.Settings(ctx, org)
	if err != nil {
		return OIDCClient{}, OIDC{}, err
	}
	if set.OIDC == nil || s.Provider == nil {
		return OIDCClient{}, OIDC{}, errOIDCOff
	}
	secret, err := s.Sealer.Open(oidcSecretPurpose+string(org), set.OIDC.SealedSecret)
	return OIDCClient{set.OIDC.Issuer, set.OIDC.ClientID, string(secret), s.URL() + OIDCCallback}, *set.OIDC, err
}

// BeginOIDC returns the address at the organisation's provider, and the value of the cookie that the browser must send on its return.
// member is the member who links the provider, or empty for a login.
func (s *Service) BeginOIDC(ctx context.Context, org, member license.ID, address string) (to, browser string, err error) {
	wait, err := s.checkLimit(ctx, unfinishedLogins(address), true) // until the login is finished
	if err != nil {
		return "", "", err
	}
	if wait > 0 {
		return "", "", &Error{Code: "rate_limited", Detail: "too many logins were started and not finished; try again later", RetryAfter: wait}
	}
	c, _, err := s.oidcClient(ctx, org)
	if err != nil {
		return "", "", err
	}
	state, now := s.newToken(ctx), s.timestamp()
	browser = s.newToken(ctx)
	p := oidcState{Nonce: s.newToken(ctx), Verifier: s.newToken(ctx), Browser: hashToken("browser", browser), Member: member}
	if to, err = s.Provider.Begin(ctx, c, state, p.Nonce, p.Verifier); err != nil {
		return "", "", err
	}
	_, err = s.oidcStates().Create(ctx, licensing.Entry{ID: string(hashToken("state", state)), Org: org, Created: now, Until: addDuration(now,
		oidcLifetime)}, p)
	return to, browser, err
}

// FinishOIDC completes the login of a browser that returns from the provider. A state is valid once, on whatever node.
func (s *Service) FinishOIDC(ctx context.Context, state, code, issuer, browser, address string) (token string, who Identity, err error) {
	e, err := s.oidcStates().Get(ctx, string(hashToken("state", state)))
	if errors.Is(err, licensing.ErrNotFound) {
		return "", Identity{}, s.countFailure(ctx, oidcStateKind, address, errOIDCState)
	} else if err != nil {
		return "", Identity{}, err
	}
	p := e.Value
	if s.timestamp() >= e.Until || subtle.ConstantTimeCompare([]byte(hashToken("browser", browser)), []byte(p.Browser)) != 1 {
		return "", Identity{}, s.countFailure(ctx, oidcStateKind, address, errOIDCState)
	}
	if err := s.oidcStates().Delete(ctx, e.ID, e.Revision); isWriteConflict(err) {
		return "", Identity{}, errOIDCState
	} else if err != nil {
		return "", Identity{}, err
	}
	c, set, err := s.oidcClient(ctx, e.Org)
	if err != nil {
		return "", Identity{}, err
	}
	if issuer != "" && issuer != c.Issuer { // RFC 9207: the response of another provider
		return "", Identity{}, errOIDCState
	}
	if code == "" {
		return "", Identity{}, oidcError("oidc_refused", "the provider refused the login")
	}
	claims, err := s.Provider.Finish(ctx, c, code, p.Nonce, p.Verifier)
	if err != nil {
		return "", Identity{}, err
	}
	m, err := s.findOrCreateOIDCMember(ctx, e.Org, p.Member, set, claims)
	if err != nil {
		return "", Identity{}, err
	}
	if m.Disabled {
		return "", Identity{}, errOIDCStranger
	}
	if err := s.rememberPlace(ctx, m.Email, networkOf(address)); err != nil {
		return "", Identity{}, err
	}
	if err := s.uncount(ctx, unfinishedLogins(address)); err != nil {
		return "", Identity{}, err
	}
	return s.createSession(ctx, m, AuthOIDC)
}

// unfinishedLogins limits the logins that were begun at a place and never finished.
func unfinishedLogins(address string) limit {
	return limit{counterID("oidc", "", networkOf(address)), maxFailuresPerPlace, false}
}

// findOrCreateOIDCMember returns the member of an identity, and creates one where that is allowed.
func (s *Service) findOrCreateOIDCMember(ctx context.Context, org, linking license.ID, set OIDC, c OIDCClaims) (Member, error) {
	link := string(hashToken("oidc", string(org)+"\n"+set.Issuer+"\n"+c.Subject))
	if e, err := s.store.Entry(ctx, oidcLinkKind, link); err == nil {
		m, err := s.store.Member(ctx, org, license.ID(e.List))
		switch {
		case err == nil && linking != "" && m.ID != linking:
			return m, oidcError("oidc_identity_in_use", "this identity of the provider is linked to another member")
		case !errors.Is(err, licensing.ErrNotFound):
			return m, err
		}
		// The member was removed, so the identity is free again.
		if err := s.store.DeleteEntry(ctx, oidcLinkKind, link, e.Revision); err != nil && !isWriteConflict(err) {
			return Member{}, err
		}
	} else if !errors.Is(err, licensing.ErrNotFound) {
		return Member{}, err
	}
	email := normaliseEmail(c.Email)
	if !c.Verified || checkEmail("email", email) != nil {
		return Member{}, errOIDCUnverified
	}
	if _, domain, _ := strings.Cut(email, "@"); len(set.Domains) > 0 && !slices.Contains(set.Domains, domain) {
		return Member{}, errOIDCStranger
	}
	m, err := s.store.MemberByEmail(ctx, email)
	switch {
	case errors.Is(err, licensing.ErrNotFound) && linking == "":
		m, err = s.createOIDCMember(ctx, org, set, email, c.Name)
	case err != nil && !errors.Is(err, licensing.ErrNotFound):
		return Member{}, err
	case err != nil || m.Organisation != org || linking != "" && m.ID != linking:
		return Member{}, errOIDCStranger
	case linking == "" && !m.Verified:
		return Member{}, errOIDCUnlinked
	}
	if err != nil {
		return Member{}, err
	}
	if others, err := s.store.Entries(ctx, oidcLinkKind, org, string(m.ID), licensing.Page{Limit: 1}); err != nil {
		return Member{}, err
	} else if len(others.Items) > 0 {
		return Member{}, oidcError("oidc_identity_in_use", "the member with your address is linked to another identity of the provider")
	}
	if m, err = s.updateWithRetry(ctx, m, func(m *Member) bool {
		changed := !m.Verified
		m.Verified = true // as the provider says
		return changed
	}); err != nil {
		return Member{}, err
	}
	err = s.store.CreateEntry(ctx, licensing.Entry{Kind: oidcLinkKind, ID: link, Org: org, List: string(m.ID), Created: s.timestamp(),
		Body: []byte("{}")})
	if errors.Is(err, licensing.ErrExists) { // two concurrent logins of one person
		err = nil
	}
	return m, err
}

// createOIDCMember creates a member for a person who was invited, or whom the organisation admits without an invitation.
func (s *Service) createOIDCMember(ctx context.Context, org license.ID, set OIDC, email, name string) (Member, error) {
	role := set.DefaultRole
	e, err := s.links(invitationKind).Get(ctx, string(invitationID(org, email)))
	switch {
	case err == nil && s.timestamp() < e.Until:
		t := e.Value
		if err := s.checkCreatorStillMay(ctx, org, t.Member, t.Role); err == errBadLink {
			break
		} else if err != nil {
			return Member{}, err
		}
		if err := s.consumeLink(ctx, e); err != nil {
			return Member{}, err
		}
		role = t.Role
	case err != nil && !errors.Is(err, licensing.ErrNotFound):
		return Member{}, err
	}
	if role == "" {
		return Member{}, errOIDCStranger
	}
	if checkLine("name", name) != nil {
		name = email
	}
	m := Member{ID: s.newID(ctx), Organisation: org, Email: email, Verified: true, Name: name, Role: role, Revision: 1, Created: s.timestamp()}
	return m, s.store.CreateMember(ctx, m)
}
