package catalogue

import (
	"context"

	"github.com/onelicense/onelicense/server/licensing"
)

// CreateOrganisation creates an organisation, the account of a vendor.
func (s *Service) CreateOrganisation(ctx context.Context, name string) (licensing.Organisation, error) {
	id, err := s.env.NewID(ctx)
	if err != nil {
		return licensing.Organisation{}, err
	}
	o := licensing.Organisation{ID: id, Name: name, Created: s.env.Now()}
	if err := licensing.CheckText("name", name, 1, licensing.MaxText); err != nil {
		return licensing.Organisation{}, err
	}
	return o, s.store.CreateOrganisation(ctx, o)
}
