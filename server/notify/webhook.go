package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/events"
)

const (
	webhookKind  = "webhook"
	maxWebhooks  = 20 // of an organisation; each costs a write for each event
	maxURLLength = 2000
)

// secretOverlap is the time for which an old secret signs beside the one that replaces it, even if that is replaced meanwhile: a vendor who
// lost the response rotates again.
const secretOverlap = 24 * time.Hour

// maxSecrets is the number of secrets that sign at the same time.
const maxSecrets = 4

// Webhook is an address that events are sent to.
type Webhook struct {
	ID             license.ID
	Org            license.ID
	Revision       int64
	Created        lease.Time
	Name           string
	URL            string
	Events         []events.Type
	Disabled       bool
	DisabledReason string // set if the server disabled it; empty: a member did

	secrets []sealedSecret
}

// webhookRecord is the body of a webhook's entry.
type webhookRecord struct {
	Name     string         `json:"name"`
	URL      string         `json:"url"`
	Events   []events.Type  `json:"events"`
	Disabled bool           `json:"disabled,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Secrets  []sealedSecret `json:"secrets"` // newest first
}

// sealedSecret is a secret that only a node with the key can read.
type sealedSecret struct {
	Secret []byte     `json:"secret"`
	Until  lease.Time `json:"until,omitempty"` // 0: until it is replaced
}

func webhookOf(e licensing.TypedEntry[webhookRecord]) (Webhook, error) {
	k := e.Value
	return Webhook{license.ID(e.ID), e.Org, e.Revision, e.Created, k.Name, k.URL, k.Events, k.Disabled, k.Reason, k.Secrets}, nil
}

func (w Webhook) record() webhookRecord {
	return webhookRecord{w.Name, w.URL, w.Events, w.Disabled, w.DisabledReason, w.secrets}
}

// validateWebhook checks that events can be delivered to the webhook.
func (s *Service) validateWebhook(w Webhook) error {
	invalid := func(field, format string, args ...any) error {
		return &licensing.Invalid{Field: field, Problem: fmt.Sprintf(format, args...)}
	}
	if n := utf8.RuneCountInString(w.Name); n > 200 || strings.ContainsFunc(w.Name, unicode.IsControl) {
		return invalid("name", "has %d characters or a control character; at most 200 characters without control characters are allowed", n)
	}
	u, err := url.Parse(w.URL)
	switch {
	case err != nil || u.Host == "" || len(w.URL) > maxURLLength || u.User != nil || u.Fragment != "":
		return invalid("url", "is not an address of the form https://host/path")
	case u.Scheme != "https" && !(u.Scheme == "http" && s.AllowPrivate):
		return invalid("url", "has the scheme %q; only https is allowed", u.Scheme)
	}
	if len(w.Events) == 0 {
		return invalid("events", "is empty; choose at least one event type")
	}
	for _, e := range w.Events {
		if !slices.Contains(EventTypes(), e) {
			return invalid("events", "contains %q, which is not an event type", string(e))
		}
	}
	return nil
}

// CreateWebhook creates a webhook and returns its secret, which cannot be read again.
func (s *Service) CreateWebhook(ctx context.Context, w Webhook) (string, Webhook, error) {
	if err := s.validateWebhook(w); err != nil {
		return "", Webhook{}, err
	}
	n := 0
	if err := s.forEachWebhook(ctx, w.Org, func(Webhook) error { n++; return nil }); err != nil {
		return "", Webhook{}, err
	}
	if n >= maxWebhooks {
		return "", Webhook{}, &licensing.Invalid{Field: "url",
			Problem: fmt.Sprintf("would be webhook number %d; an organisation can have at most %d", n+1, maxWebhooks)}
	}
	secret := newSecret()
	w.ID, w.Revision, w.Created = newID(), 1, s.timestamp()
	w.secrets = []sealedSecret{{Secret: s.sealSecret(w.ID, secret)}}
	_, err := s.webhookEntries().Create(ctx,
		licensing.Entry{ID: string(w.ID), Org: w.Org, Search: w.Name + "\n" + w.URL, Created: w.Created}, w.record())
	return secret, w, err
}

// Webhooks lists the webhooks of an organisation, newest first.
func (s *Service) Webhooks(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[Webhook], error) {
	found, err := s.webhookEntries().List(ctx, org, "", page)
	if err != nil {
		return licensing.Listing[Webhook]{}, err
	}
	return licensing.MapListing(found, webhookOf)
}

// Webhook returns one webhook of the organisation.
func (s *Service) Webhook(ctx context.Context, org, id license.ID) (Webhook, error) {
	e, err := s.webhookEntries().GetOf(ctx, org, string(id))
	if err != nil {
		return Webhook{}, err
	}
	return webhookOf(e)
}

// UpdateWebhook changes name, address, events and Disabled, if the webhook has the revision.
func (s *Service) UpdateWebhook(ctx context.Context, w Webhook) (Webhook, error) {
	if err := s.validateWebhook(w); err != nil {
		return Webhook{}, err
	}
	if !w.Disabled {
		w.DisabledReason = ""
		if err := s.clearFailure(ctx, w.ID); err != nil { // earlier failures do not count any more
			return Webhook{}, err
		}
	}
	return s.replaceWebhook(ctx, w)
}

func (s *Service) replaceWebhook(ctx context.Context, w Webhook) (Webhook, error) {
	e, err := s.webhookEntries().GetOf(ctx, w.Org, string(w.ID))
	if err != nil {
		return Webhook{}, err
	}
	e.Revision, e.Search, e.Value = w.Revision, w.Name+"\n"+w.URL, w.record()
	if e, err = s.webhookEntries().Replace(ctx, e); err != nil {
		return Webhook{}, err
	}
	return webhookOf(e)
}

// DeleteWebhook deletes a webhook. Its deliveries end, and their log expires.
func (s *Service) DeleteWebhook(ctx context.Context, org, id license.ID, revision int64) error {
	if _, err := s.Webhook(ctx, org, id); err != nil {
		return err
	}
	if err := s.Store.DeleteEntry(ctx, healthKind, string(id), 0); err != nil && !errors.Is(err, licensing.ErrNotFound) {
		return err
	}
	return s.webhookEntries().Delete(ctx, string(id), revision)
}

// RotateSecret creates a new secret. Each old one signs beside it for secretOverlap, so that receivers can be updated in between.
func (s *Service) RotateSecret(ctx context.Context, org, id license.ID) (string, Webhook, error) {
	w, err := s.Webhook(ctx, org, id)
	if err != nil {
		return "", Webhook{}, err
	}
	secret, now := newSecret(), s.timestamp()
	secrets := []sealedSecret{{Secret: s.sealSecret(id, secret)}}
	for _, old := range w.secrets[:min(len(w.secrets), maxSecrets-1)] {
		if old.Until == 0 {
			old.Until = now + lease.Time(secretOverlap.Milliseconds())
		}
		if old.Until > now {
			secrets = append(secrets, old)
		}
	}
	w.secrets = secrets
	w, err = s.replaceWebhook(ctx, w)
	return secret, w, err
}

// activeSecrets returns the webhook's secrets that sign now.
func (s *Service) activeSecrets(w Webhook) (secrets []string, err error) {
	for _, one := range w.secrets {
		if one.Until != 0 && one.Until <= s.timestamp() {
			continue
		}
		secret, err := s.seal.Open(nil, nil, one.Secret, webhookPurpose(w.ID))
		if err != nil {
			return nil, fmt.Errorf("webhook %s: its secret was encrypted with another master key: %w", w.ID, err)
		}
		secrets = append(secrets, string(secret))
	}
	return secrets, nil
}

func (s *Service) sealSecret(id license.ID, secret string) []byte {
	return s.seal.Seal(nil, nil, []byte(secret), webhookPurpose(id))
}

func webhookPurpose(id license.ID) []byte { return []byte("onelicense/webhook/1\n" + string(id)) }

// forEachWebhook calls do for each webhook of an organisation.
func (s *Service) forEachWebhook(ctx context.Context, org license.ID, do func(Webhook) error) error {
	page := licensing.Page{Limit: 200}
	for {
		found, err := s.Webhooks(ctx, org, page)
		if err != nil {
			return err
		}
		for _, w := range found.Items {
			if err := do(w); err != nil {
				return err
			}
		}
		if page.After = found.Next; page.After == "" {
			return nil
		}
	}
}
