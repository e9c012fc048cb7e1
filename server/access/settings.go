package access

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Settings are an organisation's own rules for its door.
type Settings struct {
	RequireMFA bool  `json:"require_mfa"`    // whoever came in by a password alone may only make a second factor
	OIDC       *OIDC `json:"oidc,omitempty"` // nil: people log in here alone
	Revision   int64 `json:"-"`              // 1: they were never set
}

// settingsKind of the entry, whose id is the organisation's. It is read with each request, so that a rule holds at once on all nodes.
const settingsKind = "access_settings"

// Settings of the organisation.
func (s *Service) Settings(ctx context.Context, org license.ID) (Settings, error) {
	e, err := s.settings().Get(ctx, string(org))
	if errors.Is(err, licensing.ErrNotFound) {
		return Settings{Revision: 1}, nil
	}
	e.Value.Revision = e.Revision + 1
	return e.Value, err
}

// UpdateSettings replaces them if they are still at the revision, or with 0 at any. The secret of the provider's client is kept where none is given, for
// the same client. Who is let in as whom stands here, owners too.
func (s *Service) UpdateSettings(ctx context.Context, who Identity, set Settings, clientSecret string) (Settings, error) {
	if err := who.checkMayGrant(Owner); err != nil {
		return set, err
	}
	org := who.Organisation()
	if set.OIDC != nil {
		if err := s.sealOIDC(ctx, org, set.OIDC, clientSecret); err != nil {
			return set, err
		}
	}
	if set.Revision == 0 {
		held, err := s.Settings(ctx, org)
		if err != nil {
			return set, err
		}
		set.Revision = held.Revision
	}
	e, err := s.settings().Put(ctx, licensing.TypedEntry[Settings]{
		Entry: licensing.Entry{ID: string(org), Org: org, Created: s.timestamp(), Revision: set.Revision - 1}, Value: set,
	})
	if isWriteConflict(err) {
		err = licensing.ErrStale
	}
	set.Revision = e.Revision + 1
	return set, err
}

func (s *Service) sealOIDC(ctx context.Context, org license.ID, o *OIDC, secret string) (err error) {
	if err := checkOIDC(*o); err != nil {
		return err
	}
	if secret != "" {
		o.SealedSecret, err = s.Sealer.Seal(oidcSecretPurpose+string(org), []byte(secret))
		return err
	}
	held, err := s.Settings(ctx, org)
	if err != nil {
		return err
	}
	if held.OIDC == nil || held.OIDC.Issuer != o.Issuer || held.OIDC.ClientID != o.ClientID {
		return &licensing.Invalid{Field: "oidc.client_secret", Problem: "is missing"}
	}
	o.SealedSecret = held.OIDC.SealedSecret
	return nil
}

// completeIdentity completes an identity whose credentials are good: strong tells whether they were made with more than a password.
func (s *Service) completeIdentity(ctx context.Context, i Identity, strong bool) (Identity, error) {
	set, err := s.Settings(ctx, i.Organisation())
	i.mfaMissing = set.RequireMFA && !strong
	return i, err
}
