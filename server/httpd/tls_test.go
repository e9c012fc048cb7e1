package httpd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/servertest"
)

// testCertificate holds the files of a certificate.
type testCertificate struct {
	*testing.T
	certificate, key string
	written          time.Time
}

func newTestCertificate(t *testing.T) *testCertificate {
	dir := t.TempDir()
	return &testCertificate{t, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), time.Now().Add(-time.Hour)}
}

// renew writes a certificate with a serial number.
func (p *testCertificate) renew(number int64) {
	p.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "localhost"},
		NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		p.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.Fatal(err)
	}
	p.write(p.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	p.write(p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// write gives each file a modification time of its own, which a fast disk would not.
func (p *testCertificate) write(path string, text []byte) {
	p.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		p.Fatal(err)
	}
	p.written = p.written.Add(time.Second)
	if err := os.Chtimes(path, p.written, p.written); err != nil {
		p.Fatal(err)
	}
}

// servedSerial returns the serial number of the certificate that a new connection gets.
func servedSerial(w *servertest.Server) int64 {
	w.Helper()
	c, err := tls.Dial("tcp", w.Addr.String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		w.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// A renewed certificate is served without a restart, and a half-written one never.
//
// proves part of B13
func TestTLS(t *testing.T) {
	t.Parallel()
	p := newTestCertificate(t)
	p.renew(1)
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: filepath.Join(t.TempDir(), "data"), TLSCertificate: p.certificate,
		TLSKey: p.key}))
	if got := servedSerial(w); got != 1 {
		t.Errorf("shows %d", got)
	}
	p.renew(2)
	if got := servedSerial(w); got != 2 {
		t.Errorf("renewed, shows %d", got)
	}
	p.write(p.certificate, []byte("half of a certi"))
	if err := os.Remove(p.key); err != nil {
		t.Fatal(err)
	}
	if got := servedSerial(w); got != 2 || !strings.Contains(w.Log.String(), "still serving the previous one") {
		t.Errorf("in the middle of the next renewal it shows %d and logs %s", got, w.Log)
	}
	p.renew(3)
	if got := servedSerial(w); got != 3 {
		t.Errorf("in the end it shows %d", got)
	}

	visitor := w.Anonymous()
	visitor.Browser.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	r := visitor.Do("POST", "/setup", servertest.SetupBody(w.SetupToken))
	if cookie := r.Header.Get("Set-Cookie"); !strings.Contains(cookie, "Secure") {
		t.Errorf("the cookie is %q", cookie)
	}
	if got := r.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("HSTS %q", got)
	}
	if link := w.Server.URL(w.Addr); link != w.URL {
		t.Errorf("it calls itself %s", link)
	}
}

func TestTLSCertificateRequiredAtStart(t *testing.T) {
	t.Parallel()
	p := newTestCertificate(t)
	if _, err := server.Open(server.Config{Data: t.TempDir(), TLSCertificate: p.certificate, TLSKey: p.key}); err == nil ||
		!strings.Contains(err.Error(), "tls-certificate") {
		t.Errorf("without files: %v", err)
	}
	if r := servertest.Start(t).Anonymous().Do("GET", "/session", nil); r.Header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS without TLS")
	}
}
