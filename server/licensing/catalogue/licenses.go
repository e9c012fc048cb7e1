package catalogue

import (
	"context"
	"errors"
	"fmt"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
)

// CreateLicense creates a license of a version.
func (s *Service) CreateLicense(ctx context.Context, l licensing.License) (licensing.License, error) {
	l, policy, err := s.prepareLicense(ctx, l)
	if err != nil {
		return licensing.License{}, err
	}
	tried, err := s.claimTrial(ctx, l, policy)
	if err != nil {
		return licensing.License{}, err
	}
	l, err = licensing.CreatedOrExisting(ctx, l, s.store.CreateLicense(ctx, l), func() (licensing.License, error) {
		return s.store.License(ctx, l.Organisation, l.ID)
	})
	if err != nil {
		return l, s.releaseTrial(ctx, tried, err)
	}
	if err = s.confirmCustomer(ctx, l); err != nil { // the customer was deleted concurrently
		err = errors.Join(err, s.store.DeleteLicense(ctx, l.Organisation, l.ID, l.Revision))
	}
	return l, err
}

// ValidateLicense returns the error with which CreateLicense would refuse the license, without creating it.
func (s *Service) ValidateLicense(ctx context.Context, l licensing.License) error {
	_, _, err := s.prepareLicense(ctx, l)
	return err
}

// prepareLicense returns a new license with the members that the server sets, and its version's policy.
func (s *Service) prepareLicense(ctx context.Context, l licensing.License) (licensing.License, licensing.Policy, error) {
	v, err := s.store.Version(ctx, l.Organisation, l.Version)
	if err != nil {
		return licensing.License{}, licensing.Policy{}, fmt.Errorf("the license's version: %w", err)
	}
	if l.Status == "" {
		l.Status = licensing.Active
	}
	l.Product = v.Product
	if err := s.initRecord(ctx, &l.Record); err != nil {
		return licensing.License{}, licensing.Policy{}, err
	}
	if err := l.StartTerm(); err != nil {
		return licensing.License{}, licensing.Policy{}, err
	}
	if err := s.resolveCustomer(ctx, &l); err != nil {
		return licensing.License{}, licensing.Policy{}, err
	}
	return l, v.Policy, l.Check(v.Policy)
}

// UpdateLicense changes everything but the version, the machine, the holds and the history. A revoked license stays revoked.
func (s *Service) UpdateLicense(ctx context.Context, l licensing.License) (licensing.License, error) {
	old, err := s.store.License(ctx, l.Organisation, l.ID)
	if err != nil {
		return licensing.License{}, err
	}
	v, err := s.store.Version(ctx, l.Organisation, old.Version)
	if err != nil {
		return licensing.License{}, fmt.Errorf("the license's version: %w", err)
	}
	if err := l.Check(v.Policy); err != nil {
		return licensing.License{}, err
	}
	if old.Status == licensing.Revoked && l.Status != licensing.Revoked {
		return licensing.License{}, licensing.NewInvalid("status", "cannot be changed: the license was revoked for good")
	}
	l.Product, l.Version, l.Created, l.Updated, l.RecentHistory = old.Product, old.Version, old.Created, s.env.Now(), old.RecentHistory
	l.Fingerprint, l.Holds = old.Fingerprint, old.Holds
	anothers := l.CustomerID != old.CustomerID
	if anothers {
		if err := s.resolveCustomer(ctx, &l); err != nil {
			return licensing.License{}, err
		}
	}
	var tried licensing.Entry
	//mutant:tests drop 2: a trial that changes hands is tried by both
	if !old.Trial || anothers {
		if tried, err = s.claimTrial(ctx, l, v.Policy); err != nil {
			return licensing.License{}, err
		}
	}
	if l, err = s.store.UpdateLicense(ctx, l); err != nil {
		return l, s.releaseTrial(ctx, tried, err)
	}
	if anothers {
		err = s.clearDeletedCustomer(ctx, l)
	}
	return l, err
}

// clearDeletedCustomer confirms the customer of a license that was just assigned to it. If the customer was deleted concurrently, it
// removes the assignment and returns the error.
func (s *Service) clearDeletedCustomer(ctx context.Context, l licensing.License) error {
	err := s.confirmCustomer(ctx, l)
	if err != nil {
		l.CustomerID = ""
		_, undo := s.store.UpdateLicense(ctx, l)
		err = errors.Join(err, undo)
	}
	return err
}

// DeleteLicense deletes a license with its activations, which cannot sync any more. A license with issued files is revoked first.
func (s *Service) DeleteLicense(ctx context.Context, org, id license.ID, revision int64) error {
	revision, err := s.revokeIfIssued(ctx, org, id, revision)
	if err != nil {
		return err
	}
	if err := s.store.DeleteLicense(ctx, org, id, revision); err != nil {
		return err
	}
	err = s.store.DeleteEntry(ctx, issuedKind, string(id), 0)
	if errors.Is(err, licensing.ErrNotFound) {
		err = nil
	}
	return errors.Join(err, s.installations.DeleteRecords(ctx, org, id), s.history.DeleteHistory(ctx, org, id))
}
