package access

import (
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/licensing"
)

// proves S07
func TestPermissionTable(t *testing.T) {
	t.Parallel()
	for action := range permissions {
		if !May(Owner, action) {
			t.Errorf("the owner may not %s", action)
		}
		if May("stranger", action) || May("", action) {
			t.Errorf("an unknown role may %s", action)
		}
	}
	if May(Owner, "unheard.of") {
		t.Error("an action without a row is allowed")
	}
	// Actions that cannot be undone are for owners and admins.
	for _, action := range []Action{DeleteCatalogue, RevokeLicenses} {
		for _, role := range []Role{Developer, Support, Viewer} {
			if May(role, action) {
				t.Errorf("%s may %s", role, action)
			}
		}
	}
	for action, roles := range permissions {
		if May(Viewer, action) && len(roles) != len(Roles) {
			t.Errorf("%s is for viewers, and not for all", action)
		}
	}
}

func TestPasswordHash(t *testing.T) {
	t.Parallel()
	s := New(nil, Options{})
	hash, err := s.hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s", hash)
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false} {
		if got, err := s.matches(t.Context(), hash, password); err != nil || got != want {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	again, err := s.hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if again == hash {
		t.Error("two hashes of one password are the same: no salt")
	}
	// The dummy hash costs the same work and matches no password.
	if got, err := s.matches(t.Context(), dummyHash, ""); err != nil || got {
		t.Errorf("nobody: %v, %v", got, err)
	}
	if a, b := dummyHash[:strings.LastIndex(dummyHash, "=")], hash[:strings.LastIndex(hash, "=")]; a != b || len(dummyHash) != len(hash) {
		t.Errorf("nobody %q is not made as %q", dummyHash, hash)
	}
	for _, broken := range []string{"", "secret", "$2b$10$x", "$argon2id$v=18$m=19456,t=2,p=1$AAAA$AAAA", "$argon2id$v=19$m=1$AAAA$AAAA"} {
		if ok, err := s.matches(t.Context(), broken, ""); ok || err == nil {
			t.Errorf("%q is taken for a hash", broken)
		}
	}
}

func TestSetupInputValidation(t *testing.T) {
	t.Parallel()
	good := SetupInput{Organisation: "Acmé GmbH", Name: "Ö. Wner", Email: "o@acme.test", Password: "correct horse battery"}
	if err := good.validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*SetupInput)
		field  string
	}{
		"no_organisation":   {func(f *SetupInput) { f.Organisation = "" }, "organisation"},
		"two_lines":         {func(f *SetupInput) { f.Organisation = "a\nb" }, "organisation"},
		"blank_name":        {func(f *SetupInput) { f.Name = " " }, "name"},
		"name_with_NUL":     {func(f *SetupInput) { f.Name = "a\x00b" }, "name"},
		"name_turned_round": {func(f *SetupInput) { f.Name = "a\u202eb" }, "name"},
		"name_too_long":     {func(f *SetupInput) { f.Name = strings.Repeat("ö", 201) }, "name"},
		"email_without_at":  {func(f *SetupInput) { f.Email = "acme.test" }, "email"},
		"email_with_two":    {func(f *SetupInput) { f.Email = "a@b@c" }, "email"},
		"email_with_blank":  {func(f *SetupInput) { f.Email = "a b@c" }, "email"},
		"short_password":    {func(f *SetupInput) { f.Password = "eleven char" }, "password"},
		"long_password":     {func(f *SetupInput) { f.Password = strings.Repeat("x", 257) }, "password"},
	} {
		t.Run(name, func(t *testing.T) {
			f := good
			c.change(&f)
			invalid, ok := f.validate().(*licensing.Invalid)
			if !ok || invalid.Field != c.field {
				t.Errorf("got %v, want %s", f.validate(), c.field)
			}
		})
	}
}
