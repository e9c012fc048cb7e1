package httpd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/onelicense/onelicense/server/config"
)

// LoadTLS returns the configuration for a certificate and its key, both files in PEM; nil when both names are empty. The files are read
// again when they change, so that a renewal needs no restart and no signal. Errors are config.SettingErrors.
func LoadTLS(certificateFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	if certificateFile == "" && keyFile == "" {
		return nil, nil
	}
	if certificateFile == "" || keyFile == "" {
		return nil, &config.SettingError{Setting: "tls-certificate", Err: errors.New("certificate and key must be set together")}
	}
	certificate := &reloadingCertificate{files: [2]string{certificateFile, keyFile}, log: log}
	if _, err := certificate.stat(); err != nil {
		return nil, &config.SettingError{Setting: "tls-certificate", Err: err}
	}
	if _, err := certificate.reload(); err != nil {
		return nil, &config.SettingError{Setting: "tls-certificate", Err: err}
	}
	// The framework speaks HTTP/1.1 only.
	return &tls.Config{GetCertificate: certificate.getCertificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, nil
}

// reloadingCertificate is read again when its files have changed.
type reloadingCertificate struct {
	files [2]string // certificate and key
	log   *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	states [2]fileState // of the files, when they were last read
}

// fileState changes when a file is replaced. Links are followed: platforms renew certificates by moving them.
type fileState struct {
	changed time.Time
	size    int64
}

// stat returns the states of both files, or zero states and an error.
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

// reload reads the files if they have changed since the last call, whether that succeeded or not, so that each change is reported once.
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

// getCertificate returns the certificate for one handshake, beside which two stat calls cost nothing. While the files do not match, as in
// the middle of a renewal, it returns the previous certificate.
func (c *reloadingCertificate) getCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch changed, err := c.reload(); {
	case err != nil:
		c.log.Error("the certificate changed but cannot be loaded; still serving the previous one", "error", err)
	case changed:
		c.log.Info("reloaded the certificate")
	}
	return c.loaded, nil
}
