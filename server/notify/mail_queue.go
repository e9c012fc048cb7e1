package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A message is an entry until the mail server has accepted it. Its text may hold a login link, so it is sealed.

const (
	mailKind      = "mail"
	mailRetention = 24 * time.Hour // links in it do not live longer
)

// mailRetryDelays are the delays after failures; the last one repeats.
var mailRetryDelays = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// mailClaimDuration is the time for which a node has a message to itself: longer than sending it can take.
const mailClaimDuration = 4 * smtpTimeout

// mailRecord is the body of a message's entry.
type mailRecord struct {
	Sealed   []byte `json:"sealed"`
	Failures int    `json:"failures,omitempty"`
}

// Mail queues one plain-text message, which is sent soon.
func (s *Service) Mail(ctx context.Context, to, subject, text string) error {
	if s.SMTP.Host == "" {
		return errors.New("no mail server is configured; set smtp-host")
	}
	if _, err := mail.ParseAddress(to); err != nil {
		return &licensing.Invalid{Field: "email", Problem: "is not an e-mail address"}
	}
	id, now := string(newID()), s.timestamp()
	m := mailMessage{ID: id, To: to, Subject: subject, Text: text}
	until := now + lease.Time(mailRetention.Milliseconds())
	_, err := s.mailEntries().Create(ctx, licensing.Entry{ID: id, Created: now, Due: now, Until: until},
		mailRecord{Sealed: s.seal.Seal(nil, nil, encode(m), mailPurpose(id))})
	s.wakeUp()
	return err
}

func mailPurpose(id string) []byte { return []byte("onelicense/mail/1\n" + id) }

// startMailWorker sends the messages that are due, one after another, in the background. While the mail server is unavailable all wait.
func (s *Service) startMailWorker(ctx context.Context) error {
	if s.SMTP.Host == "" || int64(s.timestamp()) < s.mailRetryAt.Load() || !s.lock(mailKind) {
		return nil
	}
	s.working.Go(func() {
		defer s.unlock(mailKind)
		if !s.runTask(ctx, "sending mail", s.sendDueMails) || !s.runTask(ctx, "sending digests", s.sendDueDigests) {
			s.mailRetryAt.Store(int64(s.timestamp()) + mailRetryDelays[0].Milliseconds()/2)
		}
	})
	return nil
}

func (s *Service) sendDueMails(ctx context.Context) error {
	due, err := s.Store.DueEntries(ctx, mailKind, s.timestamp(), batchSize)
	for _, e := range due {
		if err == nil {
			err = s.sendMail(ctx, e)
		}
	}
	return err
}

func (s *Service) sendMail(ctx context.Context, e licensing.Entry) error {
	e, err := s.claimEntry(ctx, e)
	if isConflict(err) {
		return nil
	} else if err != nil {
		return err
	}
	stored, err := licensing.DecodeEntry[mailRecord](e)
	if err != nil {
		return err
	}
	text, err := s.seal.Open(nil, nil, stored.Value.Sealed, mailPurpose(e.ID))
	if err != nil {
		return fmt.Errorf("the message %s was encrypted with another master key: %w", e.ID, err)
	}
	var m mailMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("reading the message %s: %w", e.ID, err)
	}
	err = s.SMTP.send(ctx, m, s.Now())
	if err == nil || errors.Is(err, errMessageRejected) {
		if err != nil {
			s.Log.Error("the mail server rejected a message", "message", e.ID, "error", err)
		}
		return s.deleteEntry(ctx, e)
	}
	stored.Due = s.timestamp() + mailRetryDelay(stored.Value.Failures)
	stored.Value.Failures++
	if _, failed := s.mailEntries().Replace(ctx, stored); failed != nil && !isConflict(failed) {
		return errors.Join(err, failed)
	}
	return err
}

// claimEntry claims an entry for this node.
func (s *Service) claimEntry(ctx context.Context, e licensing.Entry) (licensing.Entry, error) {
	e.Due = s.timestamp() + lease.Time(mailClaimDuration.Milliseconds())
	return s.Store.ReplaceEntry(ctx, e)
}

func (s *Service) deleteEntry(ctx context.Context, e licensing.Entry) error {
	if err := s.Store.DeleteEntry(ctx, e.Kind, e.ID, e.Revision); err != nil && !isConflict(err) {
		return err
	}
	return nil
}

// mailRetryDelay returns the delay after so many earlier failures.
func mailRetryDelay(failures int) lease.Time {
	return lease.Time(jittered(mailRetryDelays[min(failures, len(mailRetryDelays)-1)]).Milliseconds())
}

// oneLine replaces control characters and line separators by spaces.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}
