package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/user"
	"strings"
	"sync"
)

// The owner's account on an embedded server. No mail is sent to this address, and nobody types it.
const (
	ownerEmail        = "owner@desktop.localhost"
	ownerOrganisation = "My organisation"
)

// localAccount is the account of this machine's user on the embedded server. Nothing has to be installed or chosen first: the program
// creates the account with the server's one-time token and a random password, and logs in by itself. Anybody who can read this user's
// files can access the server anyway.
type localAccount struct {
	password passwordStore

	mu       sync.Mutex
	loginErr error // the server refused the password; further attempts would only be rate limited
}

// create makes the organisation and its owner. The password is stored first, so that a crash in between locks nobody out.
func (o *localAccount) create(ctx context.Context, b *backend, setup string) error {
	link, err := url.Parse(setup)
	if err != nil {
		return err
	}
	password, err := randomPassword()
	if err != nil {
		return err
	}
	if err := o.password.save(ctx, password); err != nil {
		return err
	}
	_, err = b.call(ctx, http.MethodPost, "/setup", map[string]string{
		"token": link.Query().Get("token"), "organisation": ownerOrganisation, "name": personName(), "email": ownerEmail, "password": password,
	})
	return err
}

// login logs the owner in, unless there is a session already.
func (o *localAccount) login(ctx context.Context, b *backend) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.loginErr != nil {
		return o.loginErr
	}
	_, err := b.call(ctx, http.MethodGet, "/session", nil)
	if !isUnauthorized(err) {
		return err
	}
	password, err := o.password.read(ctx)
	if err != nil {
		return fmt.Errorf("reading the owner's password: %w", err)
	}
	_, err = b.call(ctx, http.MethodPost, "/session", map[string]string{"email": ownerEmail, "password": password})
	if isUnauthorized(err) {
		o.loginErr = errors.New("the owner's password was changed; log in with the new one")
		return o.loginErr
	}
	return err
}

func randomPassword() (string, error) {
	var b [24]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}

// personName returns the system's name of the user, if it can be shown.
func personName() string {
	u, err := user.Current()
	if err != nil {
		return "Owner"
	}
	for _, name := range []string{u.Name, u.Username} {
		name, _, _ = strings.Cut(name, ",") // in a passwd file, office and telephone numbers follow
		if name = strings.TrimSpace(name); name != "" && len(name) <= 64 &&
			!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return name
		}
	}
	return "Owner"
}
