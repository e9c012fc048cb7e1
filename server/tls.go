package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is what the server shows. It is read again when its files have changed, so that a renewal needs no restart and no signal.
type certificate struct {
	files [2]string // certificate and key
	log   *slog.Logger

	mu     sync.Mutex
	shown  *tls.Certificate
	states [2]state // of the files, when they were last read
}

// state is how one notices that a file is another one. Links are followed: platforms renew by moving them.
type state struct {
	changed time.Time
	size    int64
}

// look gives no states with an error.
func (c *certificate) look() (states [2]state, err error) {
	for i, name := range c.files {
		var info fs.FileInfo
		if info, err = os.Stat(name); err != nil {
			return [2]state{}, err
		}
		states[i] = state{info.ModTime(), info.Size()}
	}
	return states, nil
}

// read reads the files, if they have changed since they were last read, whatever became of that: one change is told once.
func (c *certificate) read() (changed bool, err error) {
	states, err := c.look()
	if states == c.states {
		return false, nil
	}
	c.states = states
	if err != nil {
		return true, err
	}
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		return true, fmt.Errorf("%s with %s: %w", c.files[0], c.files[1], err)
	}
	c.shown = &pair
	return true, nil
}

// current is the certificate for one handshake, beside which a look at two files costs nothing. While the files do not fit together, as
// in the middle of a renewal, the old one is shown on.
func (c *certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch changed, err := c.read(); {
	case err != nil:
		c.log.Error("the certificate has changed and cannot be read; the old one is shown on", "error", err)
	case changed:
		c.log.Info("the certificate was read anew")
	}
	return c.shown, nil
}

// tlsConfig is nil without a certificate. The framework speaks HTTP/1.1 only.
func tlsConfig(c Config) (*tls.Config, error) {
	if c.TLSCertificate == "" && c.TLSKey == "" {
		return nil, nil
	}
	if c.TLSCertificate == "" || c.TLSKey == "" {
		return nil, &SettingError{"tls-certificate", errors.New("certificate and key belong together")}
	}
	shown := &certificate{files: [2]string{c.TLSCertificate, c.TLSKey}, log: c.Log}
	if _, err := shown.look(); err != nil {
		return nil, &SettingError{"tls-certificate", err}
	}
	if _, err := shown.read(); err != nil {
		return nil, &SettingError{"tls-certificate", err}
	}
	return &tls.Config{GetCertificate: shown.current, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, nil
}
