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

// A ticket is a secret that travels in a link, to somebody who is not logged in: good once, for one thing, until a time. It is written
// <id>_<64 hex digits>, and what it is good for is the kind of its entry.
const (
	invitationKind       = "invitation"   // to become a member
	verificationKind     = "verification" // to prove that mail to an address arrives
	resetKind            = "reset"        // to set a new password
	organisationLinkKind = "founding"     // to make a further organisation
)

var errBadLink = &Error{Code: "bad_link", Detail: "the link is wrong, used or too old; ask for a new one"}

// oneTimeToken is the body of its entry.
type oneTimeToken struct {
	Hash      lease.Hash `json:"hash"`
	Expires   lease.Time `json:"until"`
	Member    license.ID `json:"member,omitempty"` // whose it is; of an invitation: who invites
	CreatedBy license.ID `json:"by,omitempty"`     // of a reset: the colleague who made it; empty: the member asked
	Email     string     `json:"email,omitempty"`  // where it was sent to
	Role      Role       `json:"role,omitempty"`
	Over      lease.Hash `json:"over,omitempty"`   // of a reset: the password that it replaces, after which it is void
	Mailed    bool       `json:"mailed,omitempty"` // nobody but the reader of the mail has seen it
}

// createLink makes a ticket and gives its secret. ErrExists when one with this id is there.
func (s *Service) createLink(ctx context.Context, kind string, id, org license.ID, life time.Duration, t oneTimeToken) (secret string, e licensing.TypedEntry[oneTimeToken], err error) {
	now := s.timestamp()
	secret = string(id) + "_" + s.newToken(ctx)
	t.Hash, t.Expires, t.Mailed = hashToken(kind, secret), addDuration(now, life), s.Mailer != nil
	e, err = s.links(kind).Create(ctx, licensing.Entry{ID: string(id), Org: org, Search: t.Email, Created: now, Until: t.Expires}, t)
	if licensing.IsReplay(ctx, err) { // the same call may have made it before
		if held, look := s.links(kind).Get(ctx, e.ID); look == nil && held.Value.Hash == t.Hash {
			e, err = held, nil
		}
	}
	return secret, e, err
}

// lookupLink looks at a ticket that somebody shows. It stays until it is used up.
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

// consumeLink makes sure that of all who show a ticket at a time one goes on. It comes before what the ticket is good for, so a crash right after
// it costs a ticket, and never gives one twice.
func (s *Service) consumeLink(ctx context.Context, e licensing.TypedEntry[oneTimeToken]) error {
	err := s.links(e.Kind).Delete(ctx, e.ID, e.Revision)
	if isWriteConflict(err) {
		return errBadLink
	}
	return err
}

// checkCreatorStillMay tells whether a colleague's link is still good to come in with the role: not when who made it may not make it any more, for it would
// be a way back for somebody who was shut out.
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
