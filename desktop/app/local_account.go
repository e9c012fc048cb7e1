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

// Who the owner of an embedded server is. Nobody writes to this address, and nobody types it.
const (
	ownerEmail        = "owner@desktop.localhost"
	ownerOrganisation = "My organisation"
)

// localAccount is the person at this machine. Nothing has to be installed or chosen to begin: the program makes the owner with the server's one-time
// token and a random password, and logs in with it by itself. Who can read this person's files has the server anyway.
type localAccount struct {
	password passwordStore

	mu       sync.Mutex
	loginErr error // the server does not know the password: asking again would only lock the door
}

// create makes the organisation and its owner. The password is kept first, so that a crash in between leaves nobody locked out.
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

// login logs the owner in, unless they are.
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
		o.loginErr = errors.New("the owner's password was changed")
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

// personName is what the system calls the person, when it can be shown.
func personName() string {
	u, err := user.Current()
	if err != nil {
		return "Owner"
	}
	for _, name := range []string{u.Name, u.Username} {
		name, _, _ = strings.Cut(name, ",") // what comes after it in a passwd file is rooms and telephones
		if name = strings.TrimSpace(name); name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return name
		}
	}
	return "Owner"
}
