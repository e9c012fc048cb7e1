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

// SessionLifetime is how long a login lasts. It is fixed, not renewed by use: a stolen token dies by itself, at the latest the next day.
const SessionLifetime = 12 * time.Hour

// expiredRetention is how long an expired session is remembered, to be answered as expired and not as unknown.
const expiredRetention = 30 * 24 * time.Hour

// Login checks the password, and the code of a member who has a second factor, and opens a session. The token goes to the browser and
// nowhere else. An unknown address, a wrong password and a disabled member get the same answer, after the same work. address is where the
// request came from; guessing is slowed down by it.
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
	// Only now: whoever knows a password alone must not make their places the person's.
	if err := s.rememberPlace(ctx, email, a.place); err != nil {
		return "", Identity{}, err
	}
	if err := s.store.DeleteExpiredSessions(ctx, lease.Time(s.now().Add(-expiredRetention).UnixMilli())); err != nil {
		return "", Identity{}, err
	}
	return s.createSession(ctx, member, via)
}

var errCredentials = &Error{Code: "bad_credentials", Detail: "the e-mail address or the password is wrong"}

// createSession makes a session for a member who has proven to be it. member is as it was read for that: what has been proven to a password that was
// changed since, or to a member who was disabled or removed, is proven no more.
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

// Authenticate turns a session's token into who it is. The three ways to fail have three codes.
func (s *Service) Authenticate(ctx context.Context, token string) (Identity, error) {
	if token == "" {
		return Identity{}, &Error{Code: "not_authenticated", Detail: "log in first"}
	}
	bad := &Error{Code: "bad_session", Detail: "there is no such session; log in again"}
	session, member, err := s.store.Session(ctx, hashToken("session", token))
	switch {
	case errors.Is(err, licensing.ErrNotFound):
		return Identity{}, bad
	case err != nil:
		return Identity{}, err
	case member.Disabled:
		return Identity{}, bad
	case s.timestamp() >= session.Expires:
		return Identity{}, &Error{Code: "session_expired", Detail: "the session has ended; log in again"}
	}
	return s.completeIdentity(ctx, Identity{Member: member, Session: session, CSRF: csrfToken(token)}, session.AuthMethod != AuthPassword)
}

// CheckCSRF compares the token that came in a header with the session's. Only a page that may read our answers knows it.
func (i Identity) CheckCSRF(shown string) error {
	if subtle.ConstantTimeCompare([]byte(shown), []byte(i.CSRF)) != 1 {
		return &Error{Code: "bad_csrf", Detail: "the header X-CSRF-Token does not hold the value that the login gave"}
	}
	return nil
}

// MemberByEmail finds who has an address, however it was typed; licensing.ErrNotFound when it is nobody's.
func (s *Service) MemberByEmail(ctx context.Context, email string) (Member, error) {
	return s.store.MemberByEmail(ctx, normaliseEmail(email))
}

// Logout ends the session.
func (s *Service) Logout(ctx context.Context, who Identity) error {
	return s.store.EndSession(ctx, who.Session.ID)
}

// ChangePassword wants the old one, and ends the member's other sessions. Wrong old ones are counted like failed logins: a found open
// session is not a way to guess.
func (s *Service) ChangePassword(ctx context.Context, who Identity, old, password, address string) error {
	if err := checkPassword("new", password); err != nil {
		return err
	}
	if err := s.confirmPassword(ctx, who.Member, "old", old, address); err != nil {
		return err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	err = s.store.SetPassword(ctx, who.Member.Organisation, who.Member.ID, who.Member.Password, hash, who.Session.ID)
	if errors.Is(err, licensing.ErrStale) { // another change was first
		return invalidPassword("old")
	}
	return err
}

// confirmPassword asks somebody who is logged in for the password once more. Wrong ones are counted like failed logins: a found open session is
// not a way to guess. field is where the request has it.
func (s *Service) confirmPassword(ctx context.Context, m Member, field, password, address string) error {
	if m.Password == "" {
		return &licensing.Invalid{Field: field, Problem: "cannot be right: you have no password; ask for a link to set one"}
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
	return &licensing.Invalid{Field: field, Problem: "is not the present password"}
}

// confirmPasswordAndCode asks for the second factor too, which there must be.
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

// hashToken is how a token is stored. The kind keeps one kind of token from ever being good as another.
func hashToken(kind, token string) lease.Hash {
	return lease.HashOf([]byte("onelicense/" + kind + "/1\n" + token))
}

// csrfToken derives the session's second token from its first: nothing more to store, and useless for logging in.
func csrfToken(token string) string { return string(hashToken("csrf", token)) }

// normaliseEmail makes one form of what people type. Providers differ about case before the @, but none gives two people addresses
// that differ by nothing else.
func normaliseEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// Organisation whose records the identity may see.
func (i Identity) Organisation() license.ID { return i.Member.Organisation }
