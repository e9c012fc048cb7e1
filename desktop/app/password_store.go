package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zalando/go-keyring"
)

// The places for a password.
const (
	inKeychain = "keychain"
	inFile     = "file"
)

const (
	keychainService  = "One License"
	keychainPatience = 3 * time.Second // a keychain that wants to ask the user something cannot do so before the window opens
	passwordFile     = "owner.password"
)

// passwordStore stores one password in the system's keychain, or in a file if no keychain answers. The settings record which, so that
// reading does not guess and the page can show it. The file is no less safe than the server's own key beside it.
type passwordStore struct {
	dir      string
	settings *settings
	log      *slog.Logger
}

// save stores the password and records the place.
func (s passwordStore) save(ctx context.Context, password string) error {
	place := inKeychain
	_, err := withTimeout(ctx, func() (string, error) { return "", keyring.Set(keychainService, s.dir, password) })
	if err != nil {
		s.log.Info("the keychain cannot store the owner's password; it is stored in a file", "error", err)
		place = inFile
		if err := writePrivate(filepath.Join(s.dir, passwordFile), []byte(password+"\n")); err != nil {
			return fmt.Errorf("storing the owner's password: %w", err)
		}
	}
	return s.settings.setSecretIn(place)
}

// read returns the stored password.
func (s passwordStore) read(ctx context.Context) (string, error) {
	if s.settings.secretIn() == inFile {
		text, err := os.ReadFile(filepath.Join(s.dir, passwordFile))
		return strings.TrimSpace(string(text)), err
	}
	return withTimeout(ctx, func() (string, error) { return keyring.Get(keychainService, s.dir) })
}

// withTimeout asks the keychain and waits at most keychainPatience.
func withTimeout(ctx context.Context, ask func() (string, error)) (string, error) {
	ctx, stop := context.WithTimeoutCause(ctx, keychainPatience, errors.New("the keychain does not answer in time"))
	defer stop()
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := ask()
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		return a.text, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
