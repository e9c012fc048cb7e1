package notify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing/events"
)

func (w *fixture) newMailServer() *mailServer {
	p := &mailServer{T: w.T}
	// A certificate for 127.0.0.1 that a client can be configured to trust.
	lender := httptest.NewUnstartedServer(nil)
	lender.StartTLS()
	certificate := lender.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())
	lender.Close()

	s := smtp.NewServer(p)
	s.Domain = "mail.test"
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	w.Cleanup(func() {
		_ = s.Close()
		<-served
	})
	port := l.Addr().(*net.TCPAddr).Port
	p.SMTP = SMTP{
		Host:     "127.0.0.1",
		Port:     port,
		User:     "licenses",
		Password: "opens the post",
		From:     "Licenses <licenses@acme.test>",
		TLS:      "starttls",
		Roots:    roots,
	}
	return p
}

const (
	ada = license.ID("111111111111111111111111")
	bob = license.ID("222222222222222222222222")
)

// nodeWithMail returns a node with a mail server, for an organisation with an owner and a viewer.
func (w *fixture) nodeWithMail(p *mailServer) *Service {
	s := New(Config{Store: w.store, Key: bytes.Repeat([]byte{7}, 32), Now: w.now, SMTP: p.SMTP, URL: "https://licenses.acme.test",
		Recipients: func(_ context.Context, org license.ID) ([]Recipient, error) {
			if org != acme {
				return nil, nil
			}
			return []Recipient{{ada, "ada@acme.test", true}, {bob, "bob@acme.test", false}}, nil
		}})
	w.Cleanup(s.client.CloseIdleConnections)
	return s
}

// proves part of B14
func TestMailOverTLSWithLogin(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	p := w.newMailServer()
	s := w.nodeWithMail(p)
	if err := s.Mail(t.Context(), "new@acme.test", "You are invited to Ácme",
		"Open\n\nhttps://licenses.acme.test/invitation?token=abc\n"); err != nil {
		t.Fatal(err)
	}
	due, err := w.store.DueEntries(t.Context(), mailKind, s.timestamp(), 10)
	if err != nil || len(due) != 1 || strings.Contains(string(due[0].Body), "token") {
		t.Errorf("%v, and the link lies open: %s", err, due[0].Body)
	}
	w.runAll(s)
	m := p.received(1)[0]
	if subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil || subject != "You are invited to Ácme" {
		t.Errorf("subject %q %v", subject, err)
	}
	if from := m.Header.Get("From"); from != `"Licenses" <licenses@acme.test>` {
		t.Errorf("from %s", from)
	}
	if m.Header.Get("To") != "<new@acme.test>" || !strings.Contains(bodyOf(m), "https://licenses.acme.test/invitation?token=abc") ||
		m.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("%v", m.Header)
	}
	w.advance(time.Hour)
	w.runAll(s)
	p.received(0)
}

// proves part of B14
func TestHeadersCannotBeInjected(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	p := w.newMailServer()
	s := w.nodeWithMail(p)
	for _, to := range []string{"a@acme.test\r\nBcc: all@acme.test", "a@acme.test, b@acme.test", "a@acme.test>\r\nRCPT TO:<b@acme.test", ""} {
		if err := s.Mail(t.Context(), to, "x", "y"); err == nil {
			t.Errorf("%q is taken for an address", to)
		}
	}
	for _, subject := range []string{"Hello\r\nBcc: all@acme.test", "Hello\nBcc: all@acme.test\n\nbody", "Hello\u2028Bcc: x",
		"Hello\x00\rBcc: x", strings.Repeat("long ", 400) + "\r\nBcc: x"} {
		if err := s.Mail(t.Context(), "ada@acme.test", subject, ".\r\nQUIT\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	w.runAll(s)
	for _, m := range p.received(5) {
		if m.Header.Get("Bcc") != "" || len(m.Header["Subject"]) != 1 || !strings.Contains(bodyOf(m), "QUIT") {
			t.Errorf("%v", m.Header)
		}
	}
}

// proves part of B14
func TestMailServerUnavailable(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	p := w.newMailServer()
	s := w.nodeWithMail(p)
	for i := range 3 {
		if err := s.Mail(t.Context(), fmt.Sprintf("%d@acme.test", i), "x", "y"); err != nil {
			t.Fatal(err)
		}
	}
	p.set(true, nil)
	w.runAll(s)
	for range 3 {
		w.advance(10 * time.Minute)
		w.runAll(s)
	}
	p.received(0)
	// The server is back and rejects one message, which is given up.
	p.set(false, nil)
	for range 3 {
		w.advance(2 * time.Hour)
		w.runAll(s)
	}
	p.received(3)
	if err := s.Mail(t.Context(), "gone@acme.test", "x", "y"); err != nil {
		t.Fatal(err)
	}
	p.set(false, &smtp.SMTPError{Code: 550, Message: "no such person"})
	w.runAll(s)
	p.set(false, nil)
	w.advance(2 * time.Hour)
	w.runAll(s)
	p.received(0)
	// A wrong login loses no message.
	s.SMTP.Password = "wrong"
	if err := s.Mail(t.Context(), "ada@acme.test", "x", "y"); err != nil {
		t.Fatal(err)
	}
	w.runAll(s)
	s.SMTP.Password = "opens the post"
	w.advance(time.Hour)
	w.runAll(s)
	p.received(1)
}

// No message is sent without TLS to a server that should offer it, nor to one with an untrusted certificate.
func TestMailRequiresTLS(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	p := w.newMailServer()
	c := p.SMTP
	c.Roots = x509.NewCertPool()
	err := c.send(t.Context(), mailMessage{ID: "1", To: "ada@acme.test", Subject: "x", Text: "y"}, w.now())
	if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
		t.Errorf("a strange certificate: %v", err)
	}
	c.TLS = "none"
	if err := c.send(t.Context(), mailMessage{ID: "1", To: "ada@acme.test", Subject: "x", Text: "y"}, w.now()); err == nil {
		t.Error("a password was sent in the clear")
	}
	p.received(0)
}

// proves part of B14
func TestEventsAreSentInOneDigest(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	p := w.newMailServer()
	s := w.nodeWithMail(p)
	tell := func(key string, kind events.Type, customer string) {
		t.Helper()
		n := w.newEvent(key)
		n.Type, n.Customer, n.Details = kind, customer, map[string]any{"used": 91_000_000, "allowance": 100_000_000}
		if err := s.Record(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	tell("1", events.LicenseNearlyExhausted, "<b>Initech</b>\r\n.\r\n")
	tell("2", events.LicenseSuspended, "nobody wants to know")
	w.runAll(s)
	p.received(0)
	w.advance(digestInterval / 2)
	tell("3", events.CloneSuspected, "Globex")
	w.runAll(s)
	w.advance(digestInterval / 2)
	w.runAll(s)
	m := p.received(1)[0]
	body := bodyOf(m)
	if m.Header.Get("To") != "<ada@acme.test>" || m.Header.Get("Subject") != "2 events about your licenses" ||
		strings.Contains(body, "nobody") {
		t.Errorf("%v\n%s", m.Header, body)
	}
	for _, want := range []string{"A license is nearly used up: <b>Initech</b>", "(91000000 of 100000000)",
		"Two machines seem to share one installation: Globex", "&lt;b&gt;Initech",
		"https://licenses.acme.test/licenses/bbbbbbbbbbbbbbbbbbbbbbbb"} {
		if !strings.Contains(body, want) {
			t.Errorf("the message lacks %q:\n%s", want, body)
		}
	}
	w.advance(10 * digestInterval)
	w.runAll(s)
	p.received(0)

	// Hundreds of events are one message too.
	for i := range 150 {
		tell(fmt.Sprint("many ", i), events.CloneSuspected, "Globex")
	}
	for range 3 {
		w.runAll(s)
	}
	w.advance(digestInterval)
	w.runAll(s)
	if m := p.received(1)[0]; m.Header.Get("Subject") != "150 events about your licenses" || !strings.Contains(bodyOf(m), "and 50 more") {
		t.Errorf("%v", m.Header)
	}
}

// proves part of B14
func TestPreferences(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	p := w.newMailServer()
	s := w.nodeWithMail(p)
	choose := func(member license.ID, events ...events.Type) {
		t.Helper()
		if err := s.SetPreferences(t.Context(), acme, member, events); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	wantRecipients := func(kind events.Type, want ...string) {
		t.Helper()
		n++
		event := w.newEvent(fmt.Sprint(n))
		event.Type = kind
		if err := s.Record(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		w.runAll(s)
		w.advance(digestInterval)
		w.runAll(s)
		var to []string
		for _, m := range p.received(len(want)) {
			to = append(to, m.Header.Get("To"))
		}
		if strings.Join(to, " ") != strings.Join(want, " ") {
			t.Errorf("%s: to %v, want %v", kind, to, want)
		}
	}
	wantRecipients(events.LicenseExpired, "<ada@acme.test>")
	wantRecipients(events.LicenseCreated)
	choose(bob, events.LicenseCreated)
	wantRecipients(events.LicenseCreated, "<bob@acme.test>")
	choose("", events.LicenseRevoked) // the organisation
	wantRecipients(events.LicenseExpired)
	wantRecipients(events.LicenseRevoked, "<ada@acme.test>")
	if err := s.SetPreferences(t.Context(), acme, ada, []events.Type{}); err != nil {
		t.Fatal(err)
	}
	wantRecipients(events.LicenseRevoked)
	if err := s.SetPreferences(t.Context(), acme, ada, nil); err != nil {
		t.Fatal(err)
	}
	wantRecipients(events.LicenseRevoked, "<ada@acme.test>")
	if err := s.SetPreferences(t.Context(), acme, ada, []events.Type{"license.eaten"}); err == nil {
		t.Error("there is no such event")
	}
}

// A mail server that accepts a message and closes the connection without a reply to QUIT has accepted it.
//
// proves part of B14
func TestMailServerClosesAfterAccepting(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var taken atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "220 mail.test\r\n")
			for lines, data := bufio.NewScanner(c), false; lines.Scan(); {
				switch verb, _, _ := strings.Cut(lines.Text(), " "); {
				case data && lines.Text() == ".":
					taken.Add(1)
					fmt.Fprint(c, "250 taken\r\n")
					data = false
				case data:
				case verb == "DATA":
					data = true
					fmt.Fprint(c, "354 go on\r\n")
				case verb == "QUIT":
					_ = c.Close()
				default:
					fmt.Fprint(c, "250 fine\r\n")
				}
			}
			_ = c.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	w := newFixture(t)
	s := w.nodeWithMail(&mailServer{T: t, SMTP: SMTP{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, From: "licenses@acme.test",
		TLS: "none"}})
	if err := s.Mail(t.Context(), "ada@acme.test", "Hello", "Hello"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		w.runAll(s)
		w.advance(time.Hour)
	}
	if n := taken.Load(); n != 1 {
		t.Errorf("it was sent %d times", n)
	}
}

// proves part of B14
func TestDigestSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	p := w.newMailServer()
	s := w.nodeWithMail(p)
	p.set(true, nil)
	for i := range 5 {
		n := w.newEvent(fmt.Sprint(i))
		n.Type = events.CloneSuspected
		if err := s.Record(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		w.runAll(s)
		w.advance(2 * time.Hour)
		w.runAll(s)
	}
	p.received(0)
	p.set(false, nil)
	w.advance(2 * time.Hour)
	w.runAll(w.nodeWithMail(p)) // another process
	if m := p.received(1)[0]; m.Header.Get("Subject") != "5 events about your licenses" {
		t.Errorf("%v", m.Header)
	}
}

func TestEveryEventHasAHeadline(t *testing.T) {
	t.Parallel()
	for _, kind := range EventTypes() {
		if headline(kind) == "" {
			t.Errorf("%s has none", kind)
		}
	}
}
