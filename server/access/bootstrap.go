package access

import (
	"context"
	"errors"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// SetupLifetime is the time for which a setup token is valid. Each start of the server creates a new one.
const SetupLifetime = 24 * time.Hour

// SetupInput is the first owner's form.
type SetupInput struct {
	Token        string
	Organisation string
	Name         string
	Email        string
	Password     string
}

// IsAdditionalOrganisation reports whether the token is a link of NewOrganisationLink, for a server that already has an owner.
func (f SetupInput) IsAdditionalOrganisation() bool { return strings.Contains(f.Token, "_") }

// NewSetupToken returns a new token that creates the first owner, and makes an earlier one invalid. It returns "" if the server has an
// owner. There is no other way to the first account: no default password and no open registration.
func (s *Service) NewSetupToken(ctx context.Context) (string, error) {
	if owned, err := s.store.HasOwner(ctx); owned || err != nil {
		return "", err
	}
	token := s.newToken(ctx)
	return token, s.store.SetSetupToken(ctx, SetupToken{
		Hash: hashToken("setup", token), Expires: lease.Time(s.now().Add(SetupLifetime).UnixMilli()),
	})
}

var errBadSetupToken = &Error{Code: "bad_setup_token",
	Detail: "the setup token is not valid, was used before or has expired; the server prints a new one at each start"}

// SetUp creates the organisation and its owner and logs them in. The token is checked before anything else, so that a caller without it
// learns nothing and costs nothing. It is the server's setup token or one of NewOrganisationLink.
func (s *Service) SetUp(ctx context.Context, f SetupInput, address string) (token string, who Identity, err error) {
	further := f.IsAdditionalOrganisation()
	var link licensing.TypedEntry[oneTimeToken]
	if further {
		link, err = s.lookupLink(ctx, organisationLinkKind, f.Token, address)
	} else {
		err = s.checkSetupToken(ctx, f.Token, address)
	}
	if err != nil {
		return "", Identity{}, err
	}
	if err := f.validate(); err != nil {
		return "", Identity{}, err
	}
	hash, err := s.hash(ctx, f.Password)
	if err != nil {
		return "", Identity{}, err
	}
	now := s.timestamp()
	org := licensing.Organisation{ID: s.newID(ctx), Name: f.Organisation, Created: now}
	owner := Member{
		ID: s.newID(ctx), Organisation: org.ID, Email: normaliseEmail(f.Email), Name: f.Name, Role: Owner, Password: hash, Revision: 1,
		Created: now,
	}
	if further {
		err = s.createAdditionalOrganisation(ctx, link, org, owner)
	} else {
		err = s.store.CreateFirstOwner(ctx, hashToken("setup", f.Token), org, owner)
		switch {
		case errors.Is(err, licensing.ErrNotFound): // a concurrent request was first
			err = errBadSetupToken
		case errors.Is(err, licensing.ErrExists):
			err = &Error{Code: "already_set_up", Detail: "the server already has an owner; use a link of onelicense organisation create-link"}
		}
	}
	if err == nil {
		err = s.rememberPlace(ctx, owner.Email, networkOf(address))
	}
	if err != nil {
		return "", Identity{}, err
	}
	return s.createSession(ctx, owner, AuthPassword)
}

func (s *Service) checkSetupToken(ctx context.Context, token, address string) error {
	setup, err := s.store.SetupToken(ctx)
	switch {
	case errors.Is(err, licensing.ErrNotFound):
	case err != nil:
		return err
	case setup.Hash == hashToken("setup", token) && s.timestamp() < setup.Expires:
		return nil
	}
	return s.countFailure(ctx, "setup", address, errBadSetupToken)
}

// NewOrganisationLink returns a one-time link that creates another organisation on a server that has one. Only the operator of the server
// can create it.
func (s *Service) NewOrganisationLink(ctx context.Context) (link string, until lease.Time, err error) {
	secret, e, err := s.createLink(ctx, organisationLinkKind, s.newID(ctx), "", SetupLifetime, oneTimeToken{})
	return s.linkTo(setupPage, secret), e.Until, err
}

// createAdditionalOrganisation creates another organisation and its owner. A crash in between leaves an organisation without members, which
// nobody can see.
func (s *Service) createAdditionalOrganisation(ctx context.Context, link licensing.TypedEntry[oneTimeToken], org licensing.Organisation,
	owner Member) error {
	if err := s.checkEmailUnused(ctx, owner.Email); err != nil {
		return err
	}
	if err := s.consumeLink(ctx, link); err != nil {
		return err
	}
	if err := s.store.CreateOrganisation(ctx, org); err != nil {
		return err
	}
	return s.store.CreateMember(ctx, owner)
}

// checkEmailUnused returns ErrExists if a member has the address.
func (s *Service) checkEmailUnused(ctx context.Context, email string) error {
	_, err := s.store.MemberByEmail(ctx, email)
	if errors.Is(err, licensing.ErrNotFound) {
		return nil
	} else if err == nil {
		err = licensing.ErrExists
	}
	return err
}

func (f SetupInput) validate() error {
	if err := checkLine("organisation", f.Organisation); err != nil {
		return err
	}
	if err := checkLine("name", f.Name); err != nil {
		return err
	}
	if err := checkEmail("email", f.Email); err != nil {
		return err
	}
	return checkPassword("password", f.Password)
}

// maxLineLength is the number of characters that the name of a person or an organisation may have.
const maxLineLength = 200

// checkLine validates a text that must fit in one line.
func checkLine(field, s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return &licensing.Invalid{Field: field, Problem: "is empty"}
	case s != strings.TrimSpace(s):
		return &licensing.Invalid{Field: field, Problem: "begins or ends with a space; remove it"}
	case utf8.RuneCountInString(s) > maxLineLength:
		return &licensing.Invalid{Field: field, Problem: "is longer than 200 characters"}
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }):
		return &licensing.Invalid{Field: field, Problem: "contains a control or invisible character"}
	}
	return nil
}

// checkEmail validates the syntax of an address; only a message sent to it could prove more.
func checkEmail(field, email string) error {
	if err := checkLine(field, strings.TrimSpace(email)); err != nil {
		return err
	}
	a, err := mail.ParseAddress(strings.TrimSpace(email))
	if err != nil || a.Address != strings.TrimSpace(email) { // nothing around the address, and no form that mail servers rewrite
		return &licensing.Invalid{Field: field, Problem: "is not an e-mail address"}
	}
	return nil
}
