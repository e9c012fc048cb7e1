package notify

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A message is an entry until the mail server has taken it. Its text may hold a link by which somebody gets in, so it is sealed.

const (
	mailKind = "mail"
	mailKept = 24 * time.Hour // links in it do not live longer
)

// mailWaits are the pauses after failures; the last one goes on.
var mailWaits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// mailClaim is for how long a node has a message to itself: longer than its steps can take.
const mailClaim = 4 * mailPatience

// keptMail is the body of its entry.
type keptMail struct {
	Sealed   []byte `json:"sealed"`
	Failures int    `json:"failures,omitempty"`
}

// Mail takes one message of plain text, and sends it soon.
func (s *Service) Mail(ctx context.Context, to, subject, text string) error {
	if s.SMTP.Host == "" {
		return errors.New("no mail server is set")
	}
	if _, err := mail.ParseAddress(to); err != nil {
		return &licensing.Invalid{Field: "email", Problem: "is not an e-mail address"}
	}
	id, now := string(newID()), s.time()
	m := message{ID: id, To: to, Subject: subject, Text: text}
	err := s.Store.CreateEntry(ctx, licensing.Entry{
		Kind: mailKind, ID: id, Created: now, Due: now, Until: now + lease.Time(mailKept.Milliseconds()),
		Body: encode(keptMail{Sealed: s.seal.Seal(nil, nil, encode(m), sealedMail(id))}),
	})
	s.nudge()
	return err
}

func sealedMail(id string) []byte { return []byte("onelicense/mail/1\n" + id) }

// mails sends the messages that are due, one after the other. When the mail server is away, all wait.
func (s *Service) mails(ctx context.Context) error {
	if s.SMTP.Host == "" || int64(s.time()) < s.mailAgain.Load() || !s.take(mailKind) {
		return nil
	}
	s.working.Go(func() {
		defer s.leave(mailKind)
		if !s.guarded(ctx, "sending mail", s.sendMails) || !s.guarded(ctx, "sending digests", s.sendDigests) {
			s.mailAgain.Store(int64(s.time()) + mailWaits[0].Milliseconds()/2)
		}
	})
	return nil
}

func (s *Service) sendMails(ctx context.Context) error {
	due, err := s.Store.DueEntries(ctx, mailKind, s.time(), batch)
	for _, e := range due {
		if err == nil {
			err = s.sendMail(ctx, e)
		}
	}
	return err
}

func (s *Service) sendMail(ctx context.Context, e licensing.Entry) error {
	e, err := s.claimed(ctx, e)
	if gone(err) {
		return nil
	} else if err != nil {
		return err
	}
	k, err := decode[keptMail](e)
	if err != nil {
		return err
	}
	text, err := s.seal.Open(nil, nil, k.Sealed, sealedMail(e.ID))
	if err != nil {
		return fmt.Errorf("the message %s was sealed with another master key: %w", e.ID, err)
	}
	m, err := decode[message](licensing.Entry{Kind: e.Kind, ID: e.ID, Body: text})
	if err != nil {
		return err
	}
	err = s.SMTP.send(ctx, m, s.Now())
	if err == nil || errors.Is(err, errRefused) {
		if err != nil {
			s.Log.Error("a message was refused", "message", e.ID, "error", err)
		}
		return s.done(ctx, e)
	}
	e.Due = s.time() + wait(k.Failures)
	k.Failures++
	e.Body = encode(k)
	if _, failed := s.Store.ReplaceEntry(ctx, e); failed != nil && !gone(failed) {
		return errors.Join(err, failed)
	}
	return err
}

// claimed takes an entry for this node.
func (s *Service) claimed(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	e.Due = s.time() + lease.Time(mailClaim.Milliseconds())
	return s.Store.ReplaceEntry(ctx, e)
}

func (s *Service) done(ctx context.Context, e licensing.Entry) error {
	if err := s.Store.DeleteEntry(ctx, e.Kind, e.ID, e.Revision); err != nil && !gone(err) {
		return err
	}
	return nil
}

// wait is the pause after so many failures before.
func wait(failures int) lease.Time {
	return lease.Time(jittered(mailWaits[min(failures, len(mailWaits)-1)]).Milliseconds())
}

// oneLine is text without what ends a line, or could be taken for it.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}
