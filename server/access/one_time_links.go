package access

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A one-time token is a secret in a link for a person who is not logged in: valid once, for one purpose, until it expires. It is written
// <id>_<64 hex digits>, and the kind of its entry is its purpose.
const (
	invitationKind       = "invitation"   // to become a member
	verificationKind     = "verification" // to verify an address
	resetKind            = "reset"        // to set a new password
	organisationLinkKind = "founding"     // to create another organisation
)

var errBadLink = &Error{Code: "bad_link", Detail: "the link is not valid, was used before or has expired; ask for a new one"}

// oneTimeToken is the body of a token's entry.
type oneTimeToken struct {
	Hash      lease.Hash `json:"hash"`
	Expires   lease.Time `json:"until"`
	Member    license.ID `json:"member,omitempty"` // the member it is for; of an invitation, the inviter
	CreatedBy license.ID `json:"by,omitempty"`     // of a reset: the colleague who created it; empty: the member
	Email     string     `json:"email,omitempty"`  // address it was mailed to
	Role      Role       `json:"role,omitempty"`
	Over      lease.Hash `json:"over,omitempty"`   // of a reset: hash of the password to replace; another password makes the token invalid
	Mailed    bool       `json:"mailed,omitempty"` // only the reader of the mail has seen it
}

// createLink creates a token and returns its secret. It returns ErrExists if there is one with this id.
func (s *Service) createLink(ctx context.Context, kind string, id, org license.ID, life time.Duration, t oneTimeToken) (secret string,
	e licensing.TypedEntry[oneTimeToken], err error) {
	now := s.timestamp()
	secret = string(id) + "_" + s.newToken(ctx)
	t.Hash, t.Expires, t.Mailed = hashToken(kind, secret), addDuration(now, life), s.Mailer != nil
	e, err = s.links(kind).Create(ctx, licensing.Entry{ID: string(id), Org: org, Search: t.Email, Created: now, Until: t.Expires}, t)
	if licensing.IsReplay(ctx, err) { // an earlier attempt of the same call may have created it
		if held, look := s.links(kind).Get(ctx, e.ID); look == nil && held.Value.Hash == t.Hash {
			e, err = held, nil
		}
	}
	return secret, e, err
}

// lookupLink returns the entry of a token that a caller presents. The token stays valid until consumeLink.
func (s *Service) lookupLink(ctx context.Context, kind, secret, address string) (licensing.TypedEntry[oneTimeToken], error) {
	id, _, _ := strings.Cut(secret, "_")
	if len(id) != 24 {
		return licensing.TypedEntry[oneTimeToken]{}, s.countFailure(ctx, kind, address, errBadLink)
	}
	e, err := s.links(kind).Get(ctx, id)
	if errors.Is(err, licensing.ErrNotFound) {
		return e, s.countFailure(ctx, kind, address, errBadLink)
	} else if err != nil {
		return e, err
	}
	t := e.Value
	if subtle.ConstantTimeCompare([]byte(hashToken(kind, secret)), []byte(t.Hash)) != 1 || s.timestamp() >= t.Expires {
		err = s.countFailure(ctx, kind, address, errBadLink)
	}
	return e, err
}

// consumeLink deletes the token, so that of concurrent callers only one succeeds. It comes before the action that the token allows: a crash
// in between costs the token, and never allows the action twice.
func (s *Service) consumeLink(ctx context.Context, e licensing.TypedEntry[oneTimeToken]) error {
	err := s.links(e.Kind).Delete(ctx, e.ID, e.Revision)
	if isWriteConflict(err) {
		return errBadLink
	}
	return err
}

// checkCreatorStillMay checks that the colleague who created a link still may, and refuses the link if not: otherwise a link would be a way
// back for a member who was disabled.
func (s *Service) checkCreatorStillMay(ctx context.Context, org, by license.ID, role Role) error {
	if by == "" {
		return nil
	}
	m, err := s.store.Member(ctx, org, by)
	if errors.Is(err, licensing.ErrNotFound) || err == nil && (m.Disabled || !May(m.Role, EditMembers) || role == Owner && m.Role != Owner) {
		return errBadLink
	}
	return err
}
