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

// An organisation may let its people log in at a provider of its own, by OpenID Connect: code, PKCE, state and nonce. The provider says who
// somebody is; who that is here is decided here:
//
//   - an identity of the provider that came in before is the same member again, whatever its address is now;
//   - else it needs an address that the provider has verified, in one of the allowed domains. With it one is the member who has proven the
//     same address here, who was invited by it, or, if the organisation wants that, a newcomer;
//   - a member whose address was never proven here is not given to whoever has the address elsewhere, for a colleague may have written it
//     there. They link the provider themselves, logged in, and their address must be the same.
//
// One member has one identity of a provider at most.

// OIDC is how an organisation's provider is reached, and whom it may let in.
type OIDC struct {
	Issuer       string   `json:"issuer"` // its address, from which everything else about it is read
	ClientID     string   `json:"client_id"`
	SealedSecret []byte   `json:"sealed"`
	Domains      []string `json:"domains,omitempty"`   // of addresses that are let in; none: all
	DefaultRole  Role     `json:"newcomers,omitempty"` // what somebody becomes who was not invited; empty: nothing
}

// OIDCProvider speaks with the providers. What it refuses is an *Error.
type OIDCProvider interface {
	// Begin gives the address at the provider to which a browser goes.
	Begin(ctx context.Context, c OIDCClient, state, nonce, verifier string) (string, error)
	// Finish exchanges the code that the browser brought back.
	Finish(ctx context.Context, c OIDCClient, code, nonce, verifier string) (OIDCClaims, error)
}

// OIDCClient is the server to a provider.
type OIDCClient struct{ Issuer, ID, Secret, Redirect string }

// OIDCClaims are what a provider says of somebody.
type OIDCClaims struct {
	Subject  string
	Email    string
	Verified bool
	Name     string
}

const (
	oidcStateKind     = "oidc_state"
	oidcLinkKind      = "oidc_link"
	oidcLifetime      = 10 * time.Minute // between here and back
	maxDomains        = 50
	oidcSecretPurpose = "oidc\n"
)

// OIDCCallback is the path that a provider sends browsers back to; it is entered there.
const OIDCCallback = "/api/v1/oidc/callback"

func checkOIDC(o OIDC) error {
	u, err := url.Parse(o.Issuer)
	local := false
	if err == nil {
		ip, failed := netip.ParseAddr(u.Hostname())
		local = u.Hostname() == "localhost" || failed == nil && ip.IsLoopback()
	}
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && local):
		return &licensing.Invalid{Field: "oidc.issuer", Problem: "is not of the form https://host/path"}
	case len(o.Domains) > maxDomains:
		return &licensing.Invalid{Field: "oidc.domains", Problem: "are more than 50"}
	case o.DefaultRole == Owner:
		return &licensing.Invalid{Field: "oidc.newcomers", Problem: "may not be owners"}
	case o.DefaultRole != "" && len(o.Domains) == 0:
		return &licensing.Invalid{Field: "oidc.domains", Problem: "are needed, or everybody whom the provider knows could come in"}
	}
	for _, d := range o.Domains {
		if d != strings.ToLower(d) || !strings.Contains(d, ".") || strings.ContainsAny(d, "@ /:") {
			return &licensing.Invalid{Field: "oidc.domains", Problem: "holds something else than a domain in lower case"}
		}
	}
	if o.DefaultRole != "" {
		if err := checkRole(o.DefaultRole); err != nil {
			return &licensing.Invalid{Field: "oidc.newcomers", Problem: "is not one of the roles"}
		}
	}
	return checkLine("oidc.client_id", o.ClientID)
}

// oidcState is the body of a state's entry, whose id is a hash of the state.
type oidcState struct {
	Nonce    string     `json:"nonce"`
	Verifier string     `json:"verifier"`
	Browser  lease.Hash `json:"browser"`          // of the cookie that shows that it is the same browser
	Member   license.ID `json:"member,omitempty"` // who links the provider; empty: somebody who logs in
}

func oidcError(code, detail string) *Error { return &Error{Code: code, Detail: detail} }

var (
	errOIDCOff        = oidcError("oidc_off", "this organisation has no provider of logins")
	errOIDCState      = oidcError("oidc_state", "this login was not begun here, was finished already, or took too long; begin again")
	errOIDCStranger   = oidcError("oidc_stranger", "the provider knows you, but nobody with your address may come in here; ask for an invitation")
	errOIDCUnverified = oidcError("oidc_unverified", "the provider has not verified your e-mail address")
	errOIDCUnlinked   = oidcError("oidc_unlinked", "your address is a member's who has not proven it; log in with the password, and link the provider")
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

// BeginOIDC gives the address at the organisation's provider, and what the browser must show when it comes back. member is who links the
// provider; empty for a login.
func (s *Service) BeginOIDC(ctx context.Context, org, member license.ID, address string) (to, browser string, err error) {
	wait, err := s.checkLimit(ctx, unfinishedLogins(address), true) // until it is finished
	if err != nil {
		return "", "", err
	}
	if wait > 0 {
		return "", "", &Error{Code: "rate_limited", Detail: "too many logins were begun", RetryAfter: wait}
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
	_, err = s.oidcStates().Create(ctx, licensing.Entry{ID: string(hashToken("state", state)), Org: org, Created: now, Until: addDuration(now, oidcLifetime)}, p)
	return to, browser, err
}

// FinishOIDC logs in whoever comes back from the provider. A state is good once, on whatever node.
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
	if issuer != "" && issuer != c.Issuer { // RFC 9207: the answer of another provider
		return "", Identity{}, errOIDCState
	}
	if code == "" {
		return "", Identity{}, oidcError("oidc_refused", "the provider did not let you in")
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

// unfinishedLogins are the logins that were begun at a place and came to nothing yet.
func unfinishedLogins(address string) limit {
	return limit{counterID("oidc", "", networkOf(address)), maxFailuresPerPlace, false}
}

// findOrCreateOIDCMember finds or makes the member that an identity is.
func (s *Service) findOrCreateOIDCMember(ctx context.Context, org, linking license.ID, set OIDC, c OIDCClaims) (Member, error) {
	link := string(hashToken("oidc", string(org)+"\n"+set.Issuer+"\n"+c.Subject))
	if e, err := s.store.Entry(ctx, oidcLinkKind, link); err == nil {
		m, err := s.store.Member(ctx, org, license.ID(e.List))
		switch {
		case err == nil && linking != "" && m.ID != linking:
			return m, oidcError("oidc_taken", "this identity of the provider is another member's")
		case !errors.Is(err, licensing.ErrNotFound):
			return m, err
		}
		// The member was removed: the identity is nobody's again.
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
		return Member{}, oidcError("oidc_taken", "the member with your address has another identity of the provider")
	}
	if m, err = s.updateWithRetry(ctx, m, func(m *Member) bool {
		changed := !m.Verified
		m.Verified = true // the provider says so
		return changed
	}); err != nil {
		return Member{}, err
	}
	err = s.store.CreateEntry(ctx, licensing.Entry{Kind: oidcLinkKind, ID: link, Org: org, List: string(m.ID), Created: s.timestamp(), Body: []byte("{}")})
	if errors.Is(err, licensing.ErrExists) { // the same person twice at a time
		err = nil
	}
	return m, err
}

// createOIDCMember makes a member of somebody who was invited, or whom the organisation lets in without.
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
