package licensing

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
)

// A license file is good where no server is asked, until a list says otherwise, also when its license is gone. So the server remembers of
// which licenses it gave files out, and deleting one of these revokes it first. The others stay off the list, which only grows.
const issuedKind = "license_issued"

// recordIssued remembers that a file of the license is about to leave the server, or the text of one.
func (s *Service) recordIssued(ctx context.Context, org, id license.ID) error {
	err := s.store.CreateEntry(ctx, Entry{Kind: issuedKind, ID: string(id), Org: org, Created: s.now()})
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// revokeIfIssued revokes a license that is about to be deleted, if a file of it was issued, and tells the revision under which it is deleted then; 0: any.
func (s *Service) revokeIfIssued(ctx context.Context, org, id license.ID, revision int64) (int64, error) {
	if _, err := s.store.Entry(ctx, issuedKind, string(id)); errors.Is(err, ErrNotFound) {
		return revision, nil
	} else if err != nil {
		return 0, err
	}
	l, err := s.store.License(ctx, org, id)
	if err == nil && revision != 0 && l.Status != Revoked {
		l.Revision, l.Status = revision, Revoked
		l, err = s.UpdateLicense(ctx, l)
		revision = l.Revision
	}
	if err == nil {
		_, err = s.RevokeLicense(ctx, org, id)
	}
	return revision, err
}
