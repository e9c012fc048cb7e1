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
)

// Notices to people are gathered: what happens within some minutes comes in one message, and there are never two messages to one person
// within that time. A digest is an entry until the mail server has taken it.

const (
	digestKind   = "digest"
	digestKept   = 7 * 24 * time.Hour
	digestWait   = 10 * time.Minute
	mostInDigest = 100 // events that it lists; of more it has the number
)

// Person is somebody who may be told.
type Person struct {
	ID    license.ID
	Email string
	Usual bool // is told of the usual things without having asked: who answers for the organisation
}

// People gives those of an organisation who may be told now.
type People func(context.Context, license.ID) ([]Person, error)

// Usual is what those who answer for an organisation are told by mail unless they have chosen otherwise: what wants something to be done.
var Usual = []licensing.NoticeType{
	licensing.LicenseExpiring, licensing.LicenseExpired, licensing.LicenseNearlyExhausted, licensing.LicenseExhausted, licensing.CloneSuspected,
	licensing.RestoredTooOften, licensing.KeysCompromised, licensing.ServerRestored, licensing.ServerInterrupted,
	licensing.WebhookDisabled,
}

// digest is the body of its entry.
type digest struct {
	To       string  `json:"to"`
	Events   []Event `json:"events"`
	More     int     `json:"more,omitempty"` // that were left out
	Failures int     `json:"failures,omitempty"`
}

// gather puts an event into the digests of those who want it.
func (s *Service) gather(ctx context.Context, event Event) error {
	if s.SMTP.Host == "" || s.People == nil {
		return nil
	}
	org := event.Data.Organisation
	people, err := s.People(ctx, org)
	if err != nil {
		return err
	}
	for _, p := range people {
		wanted, err := s.chosen(ctx, org, p)
		if err != nil {
			return err
		}
		if slices.Contains(wanted, event.Type) {
			if err := s.gatherFor(ctx, org, p, event); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) gatherFor(ctx context.Context, org license.ID, p Person, event Event) error {
	id := string(org) + ":" + string(p.ID)
	for {
		e, err := s.Store.Entry(ctx, digestKind, id)
		if errors.Is(err, licensing.ErrNotFound) {
			now := s.time()
			err = s.Store.CreateEntry(ctx, licensing.Entry{
				Kind: digestKind, ID: id, Org: org, Created: now, Due: now + lease.Time(digestWait.Milliseconds()),
				Until: now + lease.Time(digestKept.Milliseconds()), Body: encode(digest{To: p.Email, Events: []Event{event}}),
			})
		} else if err == nil {
			err = s.addTo(ctx, e, p, event)
		}
		if !errors.Is(err, licensing.ErrExists) && !gone(err) {
			return err
		}
	}
}

func (s *Service) addTo(ctx context.Context, e licensing.Entry, p Person, event Event) error {
	d, err := decode[digest](e)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(d.Events, func(known Event) bool { return known.ID == event.ID }) {
		return nil
	}
	d.To = p.Email
	if len(d.Events) < mostInDigest {
		d.Events = append(d.Events, event)
	} else {
		d.More++
	}
	e.Body, e.Until = encode(d), s.time()+lease.Time(digestKept.Milliseconds())
	_, err = s.Store.ReplaceEntry(ctx, e)
	return err
}

func (s *Service) sendDigests(ctx context.Context) error {
	due, err := s.Store.DueEntries(ctx, digestKind, s.time(), batch)
	for _, e := range due {
		if err == nil {
			err = s.sendDigest(ctx, e)
		}
	}
	return err
}

func (s *Service) sendDigest(ctx context.Context, e licensing.Entry) error {
	e, err := s.claimed(ctx, e)
	if gone(err) {
		return nil // somebody has added to it, or another node has it
	} else if err != nil {
		return err
	}
	d, err := decode[digest](e)
	if err != nil {
		return err
	}
	err = s.SMTP.send(ctx, d.message(s.URL), s.Now())
	switch {
	case errors.Is(err, errRefused):
		s.Log.Error("a digest was refused", "digest", e.ID, "error", err)
		return s.done(ctx, e)
	case err != nil:
		return errors.Join(err, s.keepDigest(ctx, e, func(now *digest) lease.Time { now.Failures++; return wait(now.Failures - 1) }))
	}
	return s.keepDigest(ctx, e, func(now *digest) lease.Time {
		now.Events = slices.DeleteFunc(now.Events, func(one Event) bool {
			return slices.ContainsFunc(d.Events, func(sent Event) bool { return sent.ID == one.ID })
		})
		now.More, now.Failures = now.More-d.More, 0
		return lease.Time(digestWait.Milliseconds())
	})
}

// keepDigest writes what is left of a digest, to which something may have been added meanwhile, and when it is due. An empty one goes.
func (s *Service) keepDigest(ctx context.Context, e licensing.Entry, change func(*digest) lease.Time) error {
	for {
		now, err := s.Store.Entry(ctx, digestKind, e.ID)
		if err != nil {
			break
		}
		d, err := decode[digest](now)
		if err != nil {
			return err
		}
		now.Due = s.time() + change(&d)
		if len(d.Events) == 0 {
			err = s.Store.DeleteEntry(ctx, digestKind, now.ID, now.Revision)
		} else {
			now.Body = encode(d)
			_, err = s.Store.ReplaceEntry(ctx, now)
		}
		if !errors.Is(err, licensing.ErrStale) {
			if gone(err) {
				return nil
			}
			return err
		}
	}
	return nil
}

// message of a digest.
func (d digest) message(url string) message {
	ids := make([]string, 0, len(d.Events))
	for _, e := range d.Events {
		ids = append(ids, e.ID)
	}
	m := message{ID: string(lease.HashOf([]byte(d.To + "\n" + strings.Join(ids, "\n"))))[:32], To: d.To}
	view := letter{More: d.More, URL: url}
	for _, e := range d.Events {
		view.Events = append(view.Events, item{e.Timestamp.Format("2006-01-02 15:04 UTC"), oneLine(said(e)), string(e.Data.License)})
	}
	if n := len(d.Events) + d.More; n == 1 {
		m.Subject = headline(d.Events[0].Type)
	} else {
		m.Subject = fmt.Sprintf("%d notices about your licenses", n)
	}
	m.Text, m.HTML = view.write()
	return m
}
