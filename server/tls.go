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

// reloadingCertificate is what the server shows. It is read again when its files have changed, so that a renewal needs no restart and no signal.
type reloadingCertificate struct {
	files [2]string // certificate and key
	log   *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	states [2]fileState // of the files, when they were last read
}

// fileState is how one notices that a file is another one. Links are followed: platforms renew by moving them.
type fileState struct {
	changed time.Time
	size    int64
}

// stat gives no states with an error.
func (c *reloadingCertificate) stat() (states [2]fileState, err error) {
	for i, name := range c.files {
		var info fs.FileInfo
		if info, err = os.Stat(name); err != nil {
			return [2]fileState{}, err
		}
		states[i] = fileState{info.ModTime(), info.Size()}
	}
	return states, nil
}

// reload reads the files, if they have changed since they were last read, whatever became of that: one change is told once.
func (c *reloadingCertificate) reload() (changed bool, err error) {
	states, err := c.stat()
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
	c.loaded = &pair
	return true, nil
}

// getCertificate is the certificate for one handshake, beside which a look at two files costs nothing. While the files do not fit together, as
// in the middle of a renewal, the old one is shown on.
func (c *reloadingCertificate) getCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch changed, err := c.reload(); {
	case err != nil:
		c.log.Error("the certificate has changed and cannot be read; the old one is shown on", "error", err)
	case changed:
		c.log.Info("the certificate was read anew")
	}
	return c.loaded, nil
}

// tlsConfig is nil without a certificate. The framework speaks HTTP/1.1 only.
func tlsConfig(c Config) (*tls.Config, error) {
	if c.TLSCertificate == "" && c.TLSKey == "" {
		return nil, nil
	}
	if c.TLSCertificate == "" || c.TLSKey == "" {
		return nil, &SettingError{"tls-certificate", errors.New("certificate and key belong together")}
	}
	shown := &reloadingCertificate{files: [2]string{c.TLSCertificate, c.TLSKey}, log: c.Log}
	if _, err := shown.stat(); err != nil {
		return nil, &SettingError{"tls-certificate", err}
	}
	if _, err := shown.reload(); err != nil {
		return nil, &SettingError{"tls-certificate", err}
	}
	return &tls.Config{GetCertificate: shown.getCertificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, nil
}
