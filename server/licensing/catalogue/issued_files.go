package catalogue

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// issuedKind is the kind of the entries that record which licenses had a file issued. A license file works offline until a revocation list
// says otherwise, also after its license was deleted. So deleting a license with issued files revokes it first. Others are kept off the
// list, which only grows.
const issuedKind = "license_issued"

// recordIssued records that a file of the license, or its unsigned text, is about to leave the server.
func (s *Service) recordIssued(ctx context.Context, org, id license.ID) error {
	err := s.store.CreateEntry(ctx, licensing.Entry{Kind: issuedKind, ID: string(id), Org: org, Created: s.env.Now()})
	if errors.Is(err, licensing.ErrExists) {
		return nil
	}
	return err
}

// revokeIfIssued revokes a license that is about to be deleted if a file of it was issued. It returns the revision with which to delete it;
// 0: any.
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

// RevokeLicense revokes a license for good and adds it to the product's revocation list, for its files. The license is changed first: if
// publishing fails, the call fails, and repeating it completes it.
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
