package httpd_test

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/servertest"
)

// Connections that clients opened ahead do not keep the server from stopping.
//
// proves part of B13
func TestCloseDoesNotWaitForUnusedConnections(t *testing.T) {
	t.Parallel()
	p := newTestCertificate(t)
	p.renew(1)
	for name, c := range map[string]server.Config{"plain": {}, "tls": {TLSCertificate: p.certificate, TLSKey: p.key}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.Data = filepath.Join(t.TempDir(), "data")
			w := servertest.Start(t, servertest.WithConfig(c))
			connect := func() *rawConn {
				r := dial(t, w)
				if c.TLSCertificate == "" {
					return r
				}
				secure := tls.Client(r.Conn, &tls.Config{InsecureSkipVerify: true})
				if err := secure.Handshake(); err != nil {
					t.Fatal(err)
				}
				return &rawConn{t, secure, bufio.NewReader(secure)}
			}
			unused, used := connect(), connect()
			if status, _ := used.send(livezRequest).next(); status != http.StatusOK { // so the one before it was accepted too
				t.Fatal(status)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			unused.closed()
			used.closed()
		})
	}
}
