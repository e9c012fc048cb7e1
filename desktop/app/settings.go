package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

const settingsFile = "settings.json"

// settings holds what the program remembers. The user may edit Server and Listen, too.
type settings struct {
	Server string `json:"server,omitempty"` // a URL or Embedded; empty: Embedded
	Listen string `json:"listen,omitempty"` // address at which the embedded server listens for programs; empty: programsAddress
	Secret string `json:"secret,omitempty"` // where the owner's password is stored

	mu   sync.Mutex
	path string
}

func readSettings(dir string) (*settings, error) {
	s := &settings{path: filepath.Join(dir, settingsFile)}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings in %s: %w", s.path, err)
	}
	return s, nil
}

// setServer checks and stores the server to use.
func (s *settings) setServer(where string) error {
	if where != Embedded {
		if _, err := serverURL(where); err != nil {
			return err
		}
	}
	return s.change(func() { s.Server = where })
}

func (s *settings) server() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Server
}

func (s *settings) setSecretIn(place string) error { return s.change(func() { s.Secret = place }) }

func (s *settings) secretIn() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Secret
}

func (s *settings) change(f func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := writePrivate(s.path, append(text, '\n')); err != nil {
		return fmt.Errorf("saving the settings: %w", err)
	}
	return nil
}

// writePrivate replaces a file atomically; only this user can read it.
func writePrivate(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
