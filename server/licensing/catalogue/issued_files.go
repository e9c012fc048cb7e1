package catalogue

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// A license file is good where no server is asked, until a list says otherwise, also when its license is gone. So the server remembers of
// which licenses it gave files out, and deleting one of these revokes it first. The others stay off the list, which only grows.
const issuedKind = "license_issued"

// recordIssued remembers that a file of the license is about to leave the server, or the text of one.
func (s *Service) recordIssued(ctx context.Context, org, id license.ID) error {
	err := s.store.CreateEntry(ctx, licensing.Entry{Kind: issuedKind, ID: string(id), Org: org, Created: s.env.Now()})
	if errors.Is(err, licensing.ErrExists) {
		return nil
	}
	return err
}

// revokeIfIssued revokes a license that is about to be deleted, if a file of it was issued, and tells the revision under which it is deleted then; 0: any.
func (s *Service) revokeIfIssued(ctx context.Context, org, id license.ID, revision int64) (int64, error) {
	if _, err := s.store.Entry(ctx, issuedKind, string(id)); errors.Is(err, licensing.ErrNotFound) {
		return revision, nil
	} else if err != nil {
		return 0, err
	}
	l, err := s.store.License(ctx, org, id)
	if err == nil && revision != 0 && l.Status != licensing.Revoked {
		l.Revision, l.Status = revision, licensing.Revoked
		l, err = s.UpdateLicense(ctx, l)
		revision = l.Revision
	}
	if err == nil {
		_, err = s.RevokeLicense(ctx, org, id)
	}
	return revision, err
}

// RevokeLicense revokes a license for good, and says so in the product's next statement, for its files. The license comes first: if the
// statement fails, the call does, and the next one goes on.
func (s *Service) RevokeLicense(ctx context.Context, org, id license.ID) (licensing.License, error) {
	l, err := s.store.License(ctx, org, id)
	for n := 0; err == nil && l.Status != licensing.Revoked; n++ {
		l.Status = licensing.Revoked
		if l, err = s.UpdateLicense(ctx, l); errors.Is(err, licensing.ErrStale) && n < licensing.MaxAttempts {
			l, err = s.store.License(ctx, org, id)
		}
	}
	if err != nil {
		return l, err
	}
	p, err := s.store.Product(ctx, org, l.Product)
	if err != nil {
		return l, err
	}
	if said, err := s.keys.Statement(p); err != nil || said.Revokes(id) {
		return l, err
	}
	_, err = s.keys.UpdateStatement(ctx, org, l.Product, func(next *lease.Statement) { next.Licenses = append(next.Licenses, id) })
	return l, err
}
