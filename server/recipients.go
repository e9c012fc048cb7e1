package server

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/notify"
)

// mailer returns what sends members their links: the configured mailer, or the queue for the mail server; nil when there is neither.
func (s *Server) mailer() access.Mailer {
	if s.config.Mailer != nil || s.config.SMTP.Host == "" {
		return s.config.Mailer
	}
	return s.notify
}

// recipients returns the members of an organisation who may be notified of events. Owners and admins receive the usual ones by default.
func (s *Server) recipients(ctx context.Context, org license.ID) (all []notify.Recipient, err error) {
	page := licensing.Page{Limit: 200}
	for {
		found, err := s.access.Members(ctx, org, page)
		if err != nil {
			return nil, err
		}
		for _, m := range found.Items {
			if !m.Disabled {
				all = append(all, notify.Recipient{ID: m.ID, Email: m.Email, GetsDefaults: m.Role == access.Owner || m.Role == access.Admin})
			}
		}
		if page.After = found.Next; page.After == "" {
			return all, nil
		}
	}
}
