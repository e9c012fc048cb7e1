package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/servertest"
)

// mailServer is an SMTP server that accepts every message.
type mailServer chan string

func (m mailServer) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (m mailServer) Mail(string, *smtp.MailOptions) error        { return nil }
func (m mailServer) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (m mailServer) Reset()                                      {}
func (m mailServer) Logout() error                               { return nil }

func (m mailServer) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	m <- string(text)
	return err
}

// receive returns the next value.
func receive[T any](t *testing.T, from <-chan T) (next T) {
	t.Helper()
	select {
	case next = <-from:
	case <-time.After(time.Minute): // so that a server that tells nothing fails the test and does not hang it
		t.Fatal("nothing has come")
	}
	return next
}

// syncFromNewInstallation activates again with the challenge of the refusal stale_state.
func (d *device) syncFromNewInstallation() lease.Lease {
	d.Server.Helper()
	document, _, _ := bytes.Cut(d.Sync().Body, []byte("\n"))
	var r lease.Refusal
	if err := json.Unmarshal(document, &r); err != nil || r.Code != license.CodeStaleState {
		d.Server.Fatalf("no stale state: %v %s", err, document)
	}
	d.Request.Challenge, d.Request.Generation, d.Request.Number, d.Request.Previous = r.Challenge, r.Generation+1, 1, lease.OriginLink
	l := d.MustSync()
	d.Request.Challenge = ""
	return l
}

// A license that expires soon, one that is nearly used up, and two machines that alternate on one installation: the vendor's webhook
// receives an event for each, and the owner an e-mail.
//
// proves B14
func TestVendorEvents(t *testing.T) {
	t.Parallel()
	letters := make(mailServer, 10)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mail := smtp.NewServer(letters)
	go func() { _ = mail.Serve(l) }()
	t.Cleanup(func() { _ = mail.Close() })
	type event struct{ Type string }
	events := make(chan event, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		events <- e
	}))
	t.Cleanup(receiver.Close)

	w := startServerWith(t, server.Config{Data: filepath.Join(t.TempDir(), "data"), AllowPrivateAddresses: true,
		PublicURL: "http://licenses.example.com",
		SMTP:      server.SMTP{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, From: "licenses@acme.test", TLS: "none"}})
	p := w.owner()
	kinds := []string{"license.nearly_exhausted", "activation.clone_suspected", "license.expiring"}
	p.Must(http.StatusCreated, "POST", "/webhooks", map[string]any{"url": receiver.URL, "events": kinds})
	product, version, sold := p.CreateLicense("time_and_calls", with(servertest.LicenseBody("Site"), "allowance", 100, "expires",
		"2030-01-10T00:00:00Z"))

	here := newDevice(p, product, version, sold)
	here.MustSync()
	here.Request.Counted = 95
	here.MustSync()
	if e := receive(t, events); e.Type != kinds[0] {
		t.Errorf("told %+v", e)
	}

	there := *here
	here.MustSync()
	there.syncFromNewInstallation()
	here.syncFromNewInstallation() // it was put aside, and comes back
	if e := receive(t, events); e.Type != kinds[1] {
		t.Errorf("told %+v", e)
	}

	w.Clock.Advance(24 * time.Hour) // a week before the end
	if err := w.RunJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := receive(t, events); e.Type != kinds[2] {
		t.Errorf("told %+v", e)
	}

	w.Clock.Advance(time.Hour) // what happened together comes in one letter
	told := ""
	for !strings.Contains(told, "expires soon") {
		told += receive(t, letters)
	}
	for _, about := range []string{"Site", "nearly used up", "Two machines seem to share"} {
		if !strings.Contains(told, about) {
			t.Errorf("no word of %q in %s", about, told)
		}
	}
}
