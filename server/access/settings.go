package access

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// Settings are an organisation's own rules for logging in.
type Settings struct {
	RequireMFA bool  `json:"require_mfa"`    // a session or token made with a password alone may only enrol a second factor
	OIDC       *OIDC `json:"oidc,omitempty"` // nil: no provider
	Revision   int64 `json:"-"`              // 1: never set
}

// settingsKind is the kind of the entry, whose id is the organisation's. It is read with each request, so that a rule applies at once on
// all nodes.
const settingsKind = "access_settings"

// Settings returns the organisation's settings.
func (s *Service) Settings(ctx context.Context, org license.ID) (Settings, error) {
	e, err := s.settings().Get(ctx, string(org))
	if errors.Is(err, licensing.ErrNotFound) {
		return Settings{Revision: 1}, nil
	}
	e.Value.Revision = e.Revision + 1
	return e.Value, err
}

// UpdateSettings replaces the settings if they have the revision; revision 0 means any. Without a client secret the stored one is kept, if
// the client is the same. Only owners may change them, because they decide who is admitted, owners included.
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

// completeIdentity fills in the identity of valid credentials. strong says whether they were made with more than a password.
func (s *Service) completeIdentity(ctx context.Context, i Identity, strong bool) (Identity, error) {
	set, err := s.Settings(ctx, i.Organisation())
	i.mfaMissing = set.RequireMFA && !strong
	return i, err
}
