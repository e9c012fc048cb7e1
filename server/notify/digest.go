package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

// Events are mailed in digests: those of some minutes come in one message, and nobody gets two messages within that time. A digest is an
// entry until the mail server has accepted it.

const (
	digestKind      = "digest"
	digestRetention = 7 * 24 * time.Hour
	digestInterval  = 10 * time.Minute
	maxDigestEvents = 100 // listed in a digest; further ones are only counted
)

// Recipient is a member who may get mail about events.
type Recipient struct {
	ID           license.ID
	Email        string
	GetsDefaults bool // gets DefaultEvents without having asked: owners and admins
}

// Recipients returns the current recipients of an organisation.
type Recipients func(context.Context, license.ID) ([]Recipient, error)

// DefaultEvents are mailed to owners and admins who have not chosen otherwise: events that require action.
var DefaultEvents = []events.Type{
	events.LicenseExpiring, events.LicenseExpired, events.LicenseNearlyExhausted, events.LicenseExhausted, events.CloneSuspected,
	events.RestoredTooOften, events.KeysCompromised, events.ServerRestored, events.ServerInterrupted,
	events.WebhookDisabled,
}

// digest is the body of a digest's entry.
type digest struct {
	To       string  `json:"to"`
	Events   []Event `json:"events"`
	Omitted  int     `json:"more,omitempty"` // events that are not listed
	Failures int     `json:"failures,omitempty"`
}

// addToDigests adds an event to the digests of those who want it.
func (s *Service) addToDigests(ctx context.Context, event Event) error {
	if s.SMTP.Host == "" || s.Recipients == nil {
		return nil
	}
	org := event.Data.Organisation
	people, err := s.Recipients(ctx, org)
	if err != nil {
		return err
	}
	for _, p := range people {
		wanted, err := s.eventsFor(ctx, org, p)
		if err != nil {
			return err
		}
		if slices.Contains(wanted, event.Type) {
			if err := s.addToDigest(ctx, org, p, event); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) addToDigest(ctx context.Context, org license.ID, p Recipient, event Event) error {
	id := string(org) + ":" + string(p.ID)
	for {
		e, err := s.digestEntries().Get(ctx, id)
		if errors.Is(err, licensing.ErrNotFound) {
			now := s.timestamp()
			_, err = s.digestEntries().Create(ctx, licensing.Entry{
				ID: id, Org: org, Created: now, Due: now + lease.Time(digestInterval.Milliseconds()),
				Until: now + lease.Time(digestRetention.Milliseconds()),
			}, digest{To: p.Email, Events: []Event{event}})
		} else if err == nil {
			err = s.appendToDigest(ctx, e, p, event)
		}
		if !errors.Is(err, licensing.ErrExists) && !isConflict(err) {
			return err
		}
	}
}

func (s *Service) appendToDigest(ctx context.Context, e licensing.TypedEntry[digest], p Recipient, event Event) error {
	d := &e.Value
	if slices.ContainsFunc(d.Events, func(known Event) bool { return known.ID == event.ID }) {
		return nil
	}
	d.To = p.Email
	if len(d.Events) < maxDigestEvents {
		d.Events = append(d.Events, event)
	} else {
		d.Omitted++
	}
	e.Until = s.timestamp() + lease.Time(digestRetention.Milliseconds())
	_, err := s.digestEntries().Replace(ctx, e)
	return err
}

func (s *Service) sendDueDigests(ctx context.Context) error {
	due, err := s.Store.DueEntries(ctx, digestKind, s.timestamp(), batchSize)
	for _, e := range due {
		if err == nil {
			err = s.sendDigest(ctx, e)
		}
	}
	return err
}

func (s *Service) sendDigest(ctx context.Context, e licensing.Entry) error {
	e, err := s.claimEntry(ctx, e)
	if isConflict(err) {
		return nil // an event was added, or another node has it
	} else if err != nil {
		return err
	}
	typed, err := licensing.DecodeEntry[digest](e)
	if err != nil {
		return err
	}
	d := typed.Value
	err = s.SMTP.send(ctx, d.message(s.URL), s.Now())
	switch {
	case errors.Is(err, errMessageRejected):
		s.Log.Error("the mail server rejected a digest", "digest", e.ID, "error", err)
		return s.deleteEntry(ctx, e)
	case err != nil:
		return errors.Join(err, s.updateDigest(ctx, e, func(now *digest) lease.Time { now.Failures++; return mailRetryDelay(now.Failures - 1) }))
	}
	return s.updateDigest(ctx, e, func(now *digest) lease.Time {
		now.Events = slices.DeleteFunc(now.Events, func(one Event) bool {
			return slices.ContainsFunc(d.Events, func(sent Event) bool { return sent.ID == one.ID })
		})
		now.Omitted, now.Failures = now.Omitted-d.Omitted, 0
		return lease.Time(digestInterval.Milliseconds())
	})
}

// updateDigest applies a change to the newest state of a digest, to which events may have been added meanwhile, and sets when it is due
// next. It deletes an empty digest.
func (s *Service) updateDigest(ctx context.Context, e licensing.Entry, change func(*digest) lease.Time) error {
	for {
		now, err := s.digestEntries().Get(ctx, e.ID)
		if err != nil {
			break
		}
		now.Due = s.timestamp() + change(&now.Value)
		if len(now.Value.Events) == 0 {
			err = s.digestEntries().Delete(ctx, now.ID, now.Revision)
		} else {
			_, err = s.digestEntries().Replace(ctx, now)
		}
		if !errors.Is(err, licensing.ErrStale) {
			if isConflict(err) {
				return nil
			}
			return err
		}
	}
	return nil
}

// message returns the mail of a digest.
func (d digest) message(url string) mailMessage {
	ids := make([]string, 0, len(d.Events))
	for _, e := range d.Events {
		ids = append(ids, e.ID)
	}
	m := mailMessage{ID: string(lease.HashOf([]byte(d.To + "\n" + strings.Join(ids, "\n"))))[:32], To: d.To}
	view := emailContent{More: d.Omitted, URL: url}
	for _, e := range d.Events {
		view.Events = append(view.Events, emailItem{e.Timestamp.Format("2006-01-02 15:04 UTC"), oneLine(eventLine(e)), string(e.Data.License)})
	}
	if n := len(d.Events) + d.Omitted; n == 1 {
		m.Subject = headline(d.Events[0].Type)
	} else {
		m.Subject = fmt.Sprintf("%d events about your licenses", n)
	}
	m.Text, m.HTML = view.render()
	return m
}
