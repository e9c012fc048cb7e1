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

// Where a password can be kept.
const (
	inKeychain = "keychain"
	inFile     = "file"
)

const (
	keychainService  = "One License"
	keychainPatience = 3 * time.Second // a keychain that asks a person for something has no screen to do it on before the window opens
	passwordFile     = "owner.password"
)

// passwordStore is one password in the system's keychain, or in a file when there is no keychain that answers. The settings name the place, so that it
// is not guessed later, and the page can say it. The file is no worse than what lies beside it: the server's own key.
type passwordStore struct {
	dir      string
	settings *settings
	log      *slog.Logger
}

// save stores the password and remembers where.
func (s passwordStore) save(ctx context.Context, password string) error {
	place := inKeychain
	_, err := withTimeout(ctx, func() (string, error) { return "", keyring.Set(keychainService, s.dir, password) })
	if err != nil {
		s.log.Info("the keychain does not take the owner's password; it is kept in a file", "error", err)
		place = inFile
		if err := writePrivate(filepath.Join(s.dir, passwordFile), []byte(password+"\n")); err != nil {
			return fmt.Errorf("keeping the owner's password: %w", err)
		}
	}
	return s.settings.setSecretIn(place)
}

func (s passwordStore) read(ctx context.Context) (string, error) {
	if s.settings.secretIn() == inFile {
		text, err := os.ReadFile(filepath.Join(s.dir, passwordFile))
		return strings.TrimSpace(string(text)), err
	}
	return withTimeout(ctx, func() (string, error) { return keyring.Get(keychainService, s.dir) })
}

// withTimeout asks the keychain and does not wait for ever.
func withTimeout(ctx context.Context, ask func() (string, error)) (string, error) {
	ctx, stop := context.WithTimeoutCause(ctx, keychainPatience, errors.New("the keychain does not answer"))
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
