package access

import (
	"context"
	"errors"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Lifetimes of mailed links.
const (
	VerificationLifetime = 48 * time.Hour
	ResetLifetime        = 2 * time.Hour
)

// Limits within failureWindow of mails with a new link: to one address, and for one member to any address.
const (
	maxMailsPerAddress = 3
	maxMailsPerMember  = 10
)

var errNoMail = &Error{Code: "mail_not_configured",
	Detail: "this server cannot send mail; ask an administrator of your organisation for a link"}

// ChangeEmail sets a new address after checking the password. The address counts as unverified until the link that is mailed to it is
// opened, and links that were mailed to the old one become invalid.
func (s *Service) ChangeEmail(ctx context.Context, who Identity, password, email, address string) error {
	if err := checkEmail("email", email); err != nil {
		return err
	}
	email = normaliseEmail(email)
	if err := s.confirmPassword(ctx, who.Member, "password", password, address); err != nil {
		return err
	}
	if s.Mailer != nil && email != who.Member.Email {
		if err := s.limitVerification(ctx, who.Member.ID, email); err != nil {
			return err
		}
	}
	m, err := s.updateWithRetry(ctx, who.Member, func(m *Member) bool {
		changed := m.Email != email
		m.Email, m.Verified = email, m.Verified && !changed
		return changed
	})
	if err != nil || s.Mailer == nil || m.Verified {
		return err
	}
	return s.mailVerificationLink(ctx, m)
}

// updateWithRetry applies a change to a member, and applies it again to the newest revision while concurrent edits win.
func (s *Service) updateWithRetry(ctx context.Context, m Member, change func(*Member) bool) (Member, error) {
	for range maxRetries {
		m, err := s.store.Member(ctx, m.Organisation, m.ID)
		if err != nil || !change(&m) {
			return m, err
		}
		if m, err = s.store.UpdateMember(ctx, m); !errors.Is(err, licensing.ErrStale) {
			return m, err
		}
	}
	return m, licensing.ErrStale
}

// SendVerification mails the member a link that verifies their address.
func (s *Service) SendVerification(ctx context.Context, who Identity) error {
	if s.Mailer == nil {
		return errNoMail
	}
	if err := s.limitVerification(ctx, who.Member.ID, who.Member.Email); err != nil {
		return err
	}
	return s.mailVerificationLink(ctx, who.Member)
}

// limitVerification counts a link to an address. The address need not be the member's, since a member can claim any.
func (s *Service) limitVerification(ctx context.Context, member license.ID, email string) error {
	for _, l := range []limit{
		{counterID(verificationKind, string(member), "by"), maxMailsPerMember, false},
		{counterID(verificationKind, email, ""), maxMailsPerAddress, false},
	} {
		if wait, err := s.checkLimit(ctx, l, true); err != nil {
			return err
		} else if wait > 0 {
			return &Error{Code: "rate_limited", Detail: "links were mailed to this address a moment ago; wait before asking for another",
				RetryAfter: wait}
		}
	}
	return nil
}

func (s *Service) mailVerificationLink(ctx context.Context, m Member) error {
	secret, _, err := s.createLink(ctx, verificationKind, s.newID(ctx), m.Organisation, VerificationLifetime,
		oneTimeToken{Member: m.ID, Email: m.Email})
	if err != nil {
		return err
	}
	return s.mailLink(ctx, verificationKind, m.Email, m.Email, s.linkTo(verificationPage, secret), VerificationLifetime)
}

// VerifyEmail marks the address as verified if it is still the one that the link was mailed to, and returns the member.
func (s *Service) VerifyEmail(ctx context.Context, secret, address string) (Member, error) {
	e, err := s.lookupLink(ctx, verificationKind, secret, address)
	if err != nil {
		return Member{}, err
	}
	t := e.Value
	m, err := s.updateWithRetry(ctx, Member{ID: t.Member, Organisation: e.Org}, func(m *Member) bool {
		m.Verified = true
		return m.Email == t.Email
	})
	if errors.Is(err, licensing.ErrNotFound) || err == nil && m.Email != t.Email {
		return Member{}, errBadLink
	} else if err != nil {
		return Member{}, err
	}
	return m, s.consumeLink(ctx, e)
}

// RequestPasswordReset mails a link to set a new password. It does not reveal whether there is such a member: the response is the same, and
// all work that depends on it happens after the response.
func (s *Service) RequestPasswordReset(ctx context.Context, email, address string) error {
	if s.Mailer == nil {
		return errNoMail
	}
	email = normaliseEmail(email)
	wait, err := s.checkLimit(ctx, limit{counterID("forgotten", "", networkOf(address)), maxFailuresPerPlace, false}, true)
	if err != nil {
		return err
	}
	if wait > 0 {
		return &Error{Code: "rate_limited", Detail: "too many links were requested; wait before asking for another", RetryAfter: wait}
	}
	s.inBackground("sending a link for a new password", func(ctx context.Context) error {
		if wait, err := s.checkLimit(ctx, limit{counterID("forgotten", email, ""), maxMailsPerAddress, false}, true); wait > 0 ||
			err != nil {
			return err
		}
		m, err := s.store.MemberByEmail(ctx, email)
		if errors.Is(err, licensing.ErrNotFound) || err == nil && m.Disabled {
			return nil
		} else if err != nil {
			return err
		}
		_, err = s.issueResetLink(ctx, m, "")
		return err
	})
	return nil
}

// CreateResetLink creates a link with which a member sets a new password without knowing the old one. The link is mailed if there is a
// mailer; otherwise it is returned to the caller, to pass on.
func (s *Service) CreateResetLink(ctx context.Context, who Identity, id license.ID) (link string, err error) {
	m, err := s.store.Member(ctx, who.Organisation(), id)
	if err != nil {
		return "", err
	}
	if m.Role == Owner && who.Member.Role != Owner {
		return "", errOwnersOnly
	}
	if err := who.checkMayGrant(m.Role); err != nil {
		return "", err
	}
	return s.issueResetLink(ctx, m, who.Member.ID)
}

func (s *Service) issueResetLink(ctx context.Context, m Member, by license.ID) (link string, err error) {
	secret, _, err := s.createLink(ctx, resetKind, s.newID(ctx), m.Organisation, ResetLifetime,
		oneTimeToken{Member: m.ID, CreatedBy: by, Email: m.Email, Over: hashToken("password", m.Password)})
	if err != nil {
		return "", err
	}
	link = s.linkTo(resetPage, secret)
	if s.Mailer == nil {
		return link, nil
	}
	return "", s.mailLink(ctx, resetKind, m.Email, m.Email, link, ResetLifetime)
}

// ResetPassword sets a new password for the member of the link, ends all their sessions and returns the member. A second factor is still
// required at the next login.
func (s *Service) ResetPassword(ctx context.Context, secret, password, address string) (Member, error) {
	e, err := s.lookupLink(ctx, resetKind, secret, address)
	if err != nil {
		return Member{}, err
	}
	t := e.Value
	if err := checkPassword("password", password); err != nil {
		return Member{}, err
	}
	m, err := s.store.Member(ctx, e.Org, t.Member)
	if errors.Is(err, licensing.ErrNotFound) ||
		err == nil && (m.Disabled || m.Email != t.Email || hashToken("password", m.Password) != t.Over) {
		return Member{}, errBadLink
	} else if err != nil {
		return Member{}, err
	}
	if err := s.checkCreatorStillMay(ctx, m.Organisation, t.CreatedBy, m.Role); err != nil {
		return Member{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return Member{}, err
	}
	if err := s.consumeLink(ctx, e); err != nil {
		return Member{}, err
	}
	err = s.store.SetPassword(ctx, m.Organisation, m.ID, m.Password, hash, "")
	if errors.Is(err, licensing.ErrStale) { // the password that the link replaces has been changed already
		return Member{}, errBadLink
	} else if err != nil {
		return Member{}, err
	}
	return m, s.rememberPlace(ctx, m.Email, networkOf(address))
}
