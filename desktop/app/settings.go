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

// settings are what the program remembers. Server and Listen are a person's to edit, too.
type settings struct {
	Server string `json:"server,omitempty"` // a URL, or Embedded, which empty means
	Listen string `json:"listen,omitempty"` // where the embedded server takes programs; empty: the usual address
	Secret string `json:"secret,omitempty"` // where the owner's password is kept

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

// setServer remembers where to connect, when it is an address.
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
		return fmt.Errorf("keeping the settings: %w", err)
	}
	return nil
}

// writePrivate replaces a file whole, for this user alone.
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
