package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/wneessen/go-mail"
)

// SMTP configures the mail server. Without a host no mail is sent.
type SMTP struct {
	Host     string
	Port     int
	User     string // empty: no login
	Password string
	From     string         // address, with or without a name
	TLS      string         // "starttls", "tls" (from the first byte) or "none"
	Roots    *x509.CertPool // nil: the system's
}

// mailMessage is one mail. HTML may be empty.
type mailMessage struct {
	ID      string // the same for each attempt
	To      string
	Subject string
	Text    string
	HTML    string
}

// errMessageRejected is a permanent rejection of one message or its recipient. Any other error is worth another attempt.
var errMessageRejected = errors.New("the mail server rejected the message")

// smtpTimeout bounds each of three steps: to connect, to log in, to send.
const smtpTimeout = 30 * time.Second

// send sends one message. Recipient and subject cannot inject a header: the first is parsed as an address, the second is encoded unless it
// is plain text.
func (c SMTP) send(ctx context.Context, m mailMessage, now time.Time) error {
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(c.From), msg.To(m.To)); err != nil {
		return fmt.Errorf("%w: %w", errMessageRejected, err)
	}
	msg.Subject(oneLine(m.Subject))
	msg.SetDateWithValue(now)
	msg.SetMessageIDWithValue(m.ID + "@" + c.Host)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	options := []mail.Option{
		mail.WithPort(c.Port), mail.WithTimeout(smtpTimeout), mail.WithoutNoop(),
		mail.WithTLSConfig(&tls.Config{ServerName: c.Host, RootCAs: c.Roots, MinVersion: tls.VersionTLS12}),
	}
	switch c.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if c.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.User), mail.WithPassword(c.Password))
	}
	client, err := mail.NewClient(c.Host, options...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, smtpTimeout)
	defer cancel()
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	// How a server ends the connection does not change that it has accepted the message.
	defer func() { _ = errors.Join(client.CloseWithSMTPClient(connection), connection.Close()) }()
	err = client.SendWithSMTPClient(connection, msg)
	var failed *mail.SendError
	if errors.As(err, &failed) && !failed.IsTemp() &&
		(failed.Reason == mail.ErrSMTPRcptTo || failed.Reason == mail.ErrSMTPData || failed.Reason == mail.ErrSMTPDataClose) {
		return fmt.Errorf("%w: %w", errMessageRejected, err)
	}
	return err
}
