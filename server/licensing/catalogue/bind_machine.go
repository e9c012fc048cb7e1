package catalogue

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// BindMachine makes a license valid only for a machine whose fingerprint has all of these parts; without parts, for any machine. The values
// are not stored, only their hashes under the id of the license.
func (s *Service) BindMachine(ctx context.Context, org, id license.ID, parts []licensing.PartValue) (licensing.License, error) {
	made, err := licensing.FingerprintParts(id, parts)
	if err != nil {
		return licensing.License{}, err
	}
	for range licensing.MaxAttempts {
		l, err := s.store.License(ctx, org, id)
		if err != nil {
			return licensing.License{}, err
		}
		l.Fingerprint, l.Updated = made, s.env.Now()
		if l, err = s.store.UpdateLicense(ctx, l); !errors.Is(err, licensing.ErrStale) {
			return l, err
		}
	}
	return licensing.License{}, licensing.ErrStale
}
