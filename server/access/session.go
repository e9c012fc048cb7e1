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

// SessionLifetime is the duration of a login. It is not extended by use: a stolen token expires by itself within half a day.
const SessionLifetime = 12 * time.Hour

// expiredRetention is the time for which an expired session is kept, so that it is answered as expired and not as unknown.
const expiredRetention = 30 * 24 * time.Hour

// Login checks the password, and the code of a member with a second factor, and creates a session. It returns the token, which goes to the
// browser and nowhere else. An unknown address, a wrong password and a disabled member get the same error after the same work. address is
// the client's network address, for the rate limits.
func (s *Service) Login(ctx context.Context, email, password, code, address string) (token string, who Identity, err error) {
	email = normaliseEmail(email)
	a, err := s.beginAttempt(ctx, "password", email, address)
	if err != nil {
		return "", Identity{}, err
	}
	member, err := s.store.MemberByEmail(ctx, email)
	hash := member.Password
	switch {
	case errors.Is(err, licensing.ErrNotFound) || err == nil && hash == "":
		hash = dummyHash
	case err != nil:
		return "", Identity{}, err
	}
	ok, err := s.matches(ctx, hash, password)
	if err != nil {
		return "", Identity{}, err
	}
	if !ok || member.ID == "" || member.Disabled {
		return "", Identity{}, errCredentials
	}
	if err := a.succeed(ctx); err != nil {
		return "", Identity{}, err
	}
	via := AuthPassword
	if required, err := s.checkSecondFactor(ctx, member, code, address); err != nil {
		return "", Identity{}, err
	} else if required {
		via = AuthTOTP
	}
	// Only after the second factor: an attacker who knows the password alone must not make their place known.
	if err := s.rememberPlace(ctx, email, a.place); err != nil {
		return "", Identity{}, err
	}
	if err := s.store.DeleteExpiredSessions(ctx, lease.Time(s.now().Add(-expiredRetention).UnixMilli())); err != nil {
		return "", Identity{}, err
	}
	return s.createSession(ctx, member, via)
}

var errCredentials = &Error{Code: "bad_credentials", Detail: "the e-mail address or the password is wrong"}

// createSession creates a session for an authenticated member. member is as it was read for the check: if the password was changed since,
// or the member disabled or removed, it fails.
func (s *Service) createSession(ctx context.Context, member Member, via AuthMethod) (token string, who Identity, err error) {
	token = s.newToken(ctx)
	now := s.now()
	session := Session{
		ID: hashToken("session", token), Member: member.ID, AuthMethod: via,
		Created: lease.Time(now.UnixMilli()), Expires: lease.Time(now.Add(SessionLifetime).UnixMilli()),
	}
	err = s.store.CreateSession(ctx, session, member.Password)
	switch {
	case errors.Is(err, licensing.ErrNotFound) && via == AuthOIDC:
		return "", Identity{}, errOIDCState
	case errors.Is(err, licensing.ErrNotFound):
		return "", Identity{}, errCredentials
	case err != nil:
		return "", Identity{}, err
	}
	who, err = s.completeIdentity(ctx, Identity{Member: member, Session: session, CSRF: csrfToken(token)}, via != AuthPassword)
	return token, who, err
}

// Authenticate returns the identity of a session's token. An absent, an unknown and an expired token have three different codes.
func (s *Service) Authenticate(ctx context.Context, token string) (Identity, error) {
	if token == "" {
		return Identity{}, &Error{Code: "not_authenticated", Detail: "not authenticated; log in, or send an API token"}
	}
	bad := &Error{Code: "bad_session", Detail: "the session is unknown or was ended; log in again"}
	session, member, err := s.store.Session(ctx, hashToken("session", token))
	switch {
	case errors.Is(err, licensing.ErrNotFound):
		return Identity{}, bad
	case err != nil:
		return Identity{}, err
	case member.Disabled:
		return Identity{}, bad
	case s.timestamp() >= session.Expires:
		return Identity{}, &Error{Code: "session_expired", Detail: "the session has expired; log in again"}
	}
	return s.completeIdentity(ctx, Identity{Member: member, Session: session, CSRF: csrfToken(token)}, session.AuthMethod != AuthPassword)
}

// CheckCSRF compares the token of the X-CSRF-Token header with the session's. Only a page that may read our responses knows it.
func (i Identity) CheckCSRF(shown string) error {
	if subtle.ConstantTimeCompare([]byte(shown), []byte(i.CSRF)) != 1 {
		return &Error{Code: "bad_csrf", Detail: "the X-CSRF-Token header does not match the session; send the csrf_token of the login"}
	}
	return nil
}

// MemberByEmail returns the member with an address in any spelling, or licensing.ErrNotFound.
func (s *Service) MemberByEmail(ctx context.Context, email string) (Member, error) {
	return s.store.MemberByEmail(ctx, normaliseEmail(email))
}

// Logout ends the session.
func (s *Service) Logout(ctx context.Context, who Identity) error {
	return s.store.EndSession(ctx, who.Session.ID)
}

// ChangePassword replaces the password after checking the old one, and ends the member's other sessions. Wrong old passwords are counted
// like failed logins, so that a session left open is no way to guess.
func (s *Service) ChangePassword(ctx context.Context, who Identity, old, password, address string) error {
	if err := checkPassword("new_password", password); err != nil {
		return err
	}
	if err := s.confirmPassword(ctx, who.Member, "current_password", old, address); err != nil {
		return err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	err = s.store.SetPassword(ctx, who.Member.Organisation, who.Member.ID, who.Member.Password, hash, who.Session.ID)
	if errors.Is(err, licensing.ErrStale) { // a concurrent change was first
		return invalidPassword("current_password")
	}
	return err
}

// confirmPassword checks the password of a member who is logged in. Wrong ones are counted like failed logins, so that a session left open
// is no way to guess. field is the name of the request's member.
func (s *Service) confirmPassword(ctx context.Context, m Member, field, password, address string) error {
	if m.Password == "" {
		return &licensing.Invalid{Field: field, Problem: "cannot be checked, because you have no password; ask for a link to set one"}
	}
	a, err := s.beginAttempt(ctx, "password", m.Email, address)
	if err != nil {
		return err
	}
	ok, err := s.matches(ctx, m.Password, password)
	if err != nil {
		return err
	}
	if !ok {
		return invalidPassword(field)
	}
	return a.succeed(ctx)
}

func invalidPassword(field string) error {
	return &licensing.Invalid{Field: field, Problem: "is not your current password"}
}

// confirmPasswordAndCode checks the second factor too, which the member must have.
func (s *Service) confirmPasswordAndCode(ctx context.Context, m Member, password, code, address string) error {
	if err := s.confirmPassword(ctx, m, "password", password, address); err != nil {
		return err
	}
	required, err := s.checkSecondFactor(ctx, m, code, address)
	if err == nil && !required {
		err = errMFANotEnrolled
	}
	return asCodeFieldError(err)
}

// hashToken returns the form in which a token is stored. The kind keeps a token of one kind from being valid as another.
func hashToken(kind, token string) lease.Hash {
	return lease.HashOf([]byte("onelicense/" + kind + "/1\n" + token))
}

// csrfToken derives the CSRF token from the session's token, so that nothing more is stored. It is useless for logging in.
func csrfToken(token string) string { return string(hashToken("csrf", token)) }

// normaliseEmail returns one form of the spellings of an address. Providers differ about case before the @, but none gives two people
// addresses that differ by case alone.
func normaliseEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// Organisation returns the organisation whose records the identity may see.
func (i Identity) Organisation() license.ID { return i.Member.Organisation }
