package access

import (
	"context"
	"fmt"
	"time"
)

// Mailer sends one message of plain text. It may take it into a queue.
type Mailer interface {
	Mail(ctx context.Context, to, subject, text string) error
}

// The pages that links lead to, below the server's own address.
const (
	invitationPage   = "/invitation"
	verificationPage = "/verification"
	resetPage        = "/reset"
	setupPage        = "/setup"
)

// linkTo is never made of what a request says about its host: whoever asks for somebody else's new password chooses that.
func (s *Service) linkTo(page, secret string) string { return s.URL() + page + "?token=" + secret }

// emailTemplate is what stands around a link.
type emailTemplate struct{ subject, reason, ignoreHint string }

var emailTemplates = map[string]emailTemplate{
	invitationKind:   {"You are invited to %s", "You are invited to work at %s. To choose a password, open", "If you do not know why, do nothing."},
	verificationKind: {"Is this your address?", "To confirm that mail to %s reaches you, open", "If you have no account, do nothing."},
	resetKind:        {"A new password", "To set a new password for %s, open", "If you did not ask for it, do nothing: your password stays as it is."},
}

// mailLink mails a link to somebody. about fills the places in the letter.
func (s *Service) mailLink(ctx context.Context, kind, to, about, link string, life time.Duration) error {
	l := emailTemplates[kind]
	subject := l.subject
	if kind == invitationKind {
		subject = fmt.Sprintf(subject, about)
	}
	text := fmt.Sprintf(l.reason, about) + "\n\n" + link + "\n\nThe link is good once, for " + hours(life) + ". " + l.ignoreHint + "\n"
	return s.Mailer.Mail(ctx, to, subject, text)
}

func hours(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return fmt.Sprintf("%d hours", int(d.Hours()))
}

// inBackground does what must not be seen in the time that an answer takes, after the answer. Finish waits for it.
func (s *Service) inBackground(what string, do func(context.Context) error) {
	s.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := do(ctx); err != nil {
			s.Log.Error(what+" failed", "error", err)
		}
	})
}

// Wait waits for the work that answers do not wait for. After it the store may be closed.
func (s *Service) Wait() { s.background.Wait() }
