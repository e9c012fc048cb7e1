package server

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"testing"
)

// Connections that clients opened ahead do not keep the server from stopping.
//
// proves part of B13
func TestCloseDoesNotWaitForUnusedConnections(t *testing.T) {
	p := newTestCertificate(t)
	p.renew(1)
	for name, c := range map[string]Config{"plain": {}, "tls": {TLSCertificate: p.certificate, TLSKey: p.key}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.Data = filepath.Join(t.TempDir(), "data")
			w := startServerWith(t, c)
			dial := func() *rawConn {
				r := w.dial()
				if c.TLSCertificate == "" {
					return r
				}
				secure := tls.Client(r.Conn, &tls.Config{InsecureSkipVerify: true})
				if err := secure.Handshake(); err != nil {
					t.Fatal(err)
				}
				return &rawConn{t, secure, bufio.NewReader(secure)}
			}
			silent, used := dial(), dial()
			if status, _ := used.send(livezRequest).next(); status != http.StatusOK { // so the one before it was accepted too
				t.Fatal(status)
			}
			if err := w.s.Close(); err != nil {
				t.Error(err)
			}
			silent.closed()
			used.closed()
		})
	}
}
