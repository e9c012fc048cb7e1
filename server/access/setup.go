package access

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// SetupLife is how long a setup token is good. A new start makes a new one.
const SetupLife = 24 * time.Hour

// Founding is what the first owner says.
type Founding struct {
	Token        string
	Organisation string
	Name         string
	Email        string
	Password     string
}

// NewSetupToken makes the token by which the first owner is made, and voids an earlier one; empty when the server has an owner. There is
// no other way to the first account: no default password, and no open registration.
func (s *Service) NewSetupToken(ctx context.Context) (string, error) {
	if owned, err := s.store.Owned(ctx); owned || err != nil {
		return "", err
	}
	token := s.newToken(ctx)
	return token, s.store.PutSetup(ctx, Setup{
		ID: hashToken("setup", token), Until: lease.Time(s.now().Add(SetupLife).UnixMilli()),
	})
}

// SetUp makes the organisation and its owner and logs them in. The token is looked at before anything else, so that who does not have it
// learns nothing and costs nothing.
func (s *Service) SetUp(ctx context.Context, f Founding) (token string, who Identity, err error) {
	refuse := &Error{Code: "bad_setup_token", Detail: "the token is wrong, used or too old; the server prints a new one at each start"}
	id := hashToken("setup", f.Token)
	setup, err := s.store.Setup(ctx)
	switch {
	case errors.Is(err, licensing.ErrNotFound):
		return "", Identity{}, refuse
	case err != nil:
		return "", Identity{}, err
	case setup.ID != id || s.time() >= setup.Until:
		return "", Identity{}, refuse
	}
	if err := f.check(); err != nil {
		return "", Identity{}, err
	}
	hash, err := s.hash(ctx, f.Password)
	if err != nil {
		return "", Identity{}, err
	}
	now := s.time()
	org := licensing.Organisation{ID: s.newID(ctx), Name: f.Organisation, Created: now}
	owner := Member{
		ID: s.newID(ctx), Organisation: org.ID, Email: normaliseEmail(f.Email), Name: f.Name, Role: Owner, Password: hash, Created: now,
	}
	err = s.store.CreateOwner(ctx, id, org, owner)
	switch {
	case errors.Is(err, licensing.ErrNotFound): // another request was first
		return "", Identity{}, refuse
	case errors.Is(err, licensing.ErrExists):
		return "", Identity{}, &Error{Code: "already_set_up", Detail: "the server has an owner"}
	case err != nil:
		return "", Identity{}, err
	}
	return s.open(ctx, owner, ViaPassword)
}

func (f Founding) check() error {
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

// maxLine is the number of characters of a name of a person or organisation.
const maxLine = 200

// checkLine wants something that can be shown in one line.
func checkLine(field, s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return &licensing.Invalid{Field: field, Problem: "is empty"}
	case s != strings.TrimSpace(s):
		return &licensing.Invalid{Field: field, Problem: "begins or ends with a blank"}
	case utf8.RuneCountInString(s) > maxLine:
		return &licensing.Invalid{Field: field, Problem: "is longer than 200 characters"}
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }):
		return &licensing.Invalid{Field: field, Problem: "holds a character that cannot be shown"}
	}
	return nil
}

// checkEmail wants the form of an address; only a message sent there could tell more.
func checkEmail(field, email string) error {
	if err := checkLine(field, strings.TrimSpace(email)); err != nil {
		return err
	}
	local, domain, ok := strings.Cut(strings.TrimSpace(email), "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(domain, "@ ") || strings.Contains(local, " ") {
		return &licensing.Invalid{Field: field, Problem: "is not an e-mail address"}
	}
	return nil
}
