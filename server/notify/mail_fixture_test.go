package notify

import (
	"io"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a mail server with STARTTLS and login, like those of mail providers.
type mailServer struct {
	*testing.T
	mu         sync.Mutex
	got        []receivedMail
	refuseCode error // its reply to each recipient
	isAway     bool  // replies to everybody that it is busy
	SMTP       SMTP
}

type receivedMail struct {
	to   string
	text string
}

type mailSession struct {
	p      *mailServer
	secure bool
	in     bool
	to     string
}

func (p *mailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isAway {
		return nil, &smtp.SMTPError{Code: 421, Message: "come back later"}
	}
	_, secure := c.TLSConnectionState()
	return &mailSession{p: p, secure: secure}, nil
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if s.in = s.secure && user == s.p.SMTP.User && password == "opens the post"; !s.in {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error {
	if !s.in {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.to = to
	return s.p.refuseCode
}

func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.got = append(s.p.got, receivedMail{s.to, string(text)})
	return err
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

// received returns the messages since the last call, parsed.
func (p *mailServer) received(want int) (mails []*mail.Message) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.got) != want {
		p.Fatalf("%d messages, want %d: %v", len(p.got), want, p.got)
	}
	for _, l := range p.got {
		m, err := mail.ReadMessage(strings.NewReader(l.text))
		if err != nil {
			p.Fatal(err)
		}
		mails = append(mails, m)
	}
	p.got = nil
	return mails
}

func (p *mailServer) set(away bool, refuse error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isAway, p.refuseCode = away, refuse
}

func bodyOf(m *mail.Message) string {
	b, _ := io.ReadAll(m.Body)
	return strings.ReplaceAll(strings.ReplaceAll(string(b), "=\r\n", ""), "=3D", "=")
}
