package access

import (
	"context"
	"fmt"
	"time"
)

// Mailer sends one plain-text message. It may queue it.
type Mailer interface {
	Mail(ctx context.Context, to, subject, text string) error
}

// Pages that links open, below the server's own address.
const (
	invitationPage   = "/invitation"
	verificationPage = "/verification"
	resetPage        = "/reset"
	setupPage        = "/setup"
)

// linkTo returns the link to a page. It never uses the Host header of a request, because an attacker who requests a password reset for
// somebody else chooses that header.
func (s *Service) linkTo(page, secret string) string { return s.URL() + page + "?token=" + secret }

// emailTemplate is the text around a link.
type emailTemplate struct{ subject, reason, ignoreHint string }

var emailTemplates = map[string]emailTemplate{
	invitationKind: {
		"Invitation to %s",
		"You are invited to join %s. To choose a password, open",
		"If you did not expect this invitation, ignore this message.",
	},
	verificationKind: {"Verify your e-mail address", "To verify the address %s, open", "If you have no account, ignore this message."},
	resetKind: {
		"Reset your password",
		"To set a new password for %s, open",
		"If you did not request this, ignore this message: your password stays as it is.",
	},
}

// mailLink mails a link. about fills the placeholders of the template.
func (s *Service) mailLink(ctx context.Context, kind, to, about, link string, life time.Duration) error {
	l := emailTemplates[kind]
	subject := l.subject
	if kind == invitationKind {
		subject = fmt.Sprintf(subject, about)
	}
	text := fmt.Sprintf(l.reason, about) + "\n\n" + link + "\n\nThe link can be used once and expires in " + hours(life) + ". " +
		l.ignoreHint + "\n"
	return s.Mailer.Mail(ctx, to, subject, text)
}

func hours(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return fmt.Sprintf("%d hours", int(d.Hours()))
}

// inBackground runs work after the response whose duration must not be observable in the response time. Wait waits for it.
func (s *Service) inBackground(what string, do func(context.Context) error) {
	s.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := do(ctx); err != nil {
			s.Log.Error(what+" failed", "error", err)
		}
	})
}

// Wait waits for the work in the background. Close the store only after it.
func (s *Service) Wait() { s.background.Wait() }
