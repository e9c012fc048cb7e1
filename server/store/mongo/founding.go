package mongo

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// The first owner is made once because the founding is one document with a fixed _id. It holds the organisation and the owner: from the
// moment that it is there, the server is owned, and any node can finish what follows from it.

const (
	setupID    = "setup"
	foundingID = "founding"
)

type setup struct {
	ID    string `bson:"_id"`
	Token string `bson:"token"`
	Until date   `bson:"until"`
}

type founding struct {
	ID           string       `bson:"_id"`
	Organisation organisation `bson:"organisation"`
	Owner        member       `bson:"owner"`
	Done         bool         `bson:"done"`
}

// Owned implements access.Store, as all below.
func (s *Store) Owned(ctx context.Context) (bool, error) { return s.found(ctx) }

// found finishes the founding, if there is one, and tells whether there is.
func (s *Store) found(ctx context.Context) (bool, error) {
	f, err := one[founding](ctx, s.settings, with("_id", foundingID))
	if errors.Is(err, licensing.ErrNotFound) {
		return false, nil
	}
	if err != nil || f.Done {
		return err == nil, err
	}
	if err := s.insert(ctx, s.organisations, f.Organisation); err != nil && !errors.Is(err, licensing.ErrExists) {
		return true, err
	}
	if err := s.insertMember(ctx, f.Owner); err != nil && !errors.Is(err, licensing.ErrExists) {
		return true, err
	}
	if _, err := s.remove(ctx, s.settings, byID(setupID)); err != nil {
		return true, err
	}
	_, err = s.change(ctx, s.settings, byID(foundingID), with("$set", with("done", true)))
	return true, err
}

// PutSetup implements access.Store.
func (s *Store) PutSetup(ctx context.Context, given access.Setup) error {
	return s.put(ctx, s.settings, byID(setupID), with("$set", with("token", string(given.ID), "until", dateOf(given.Until))))
}

// Setup implements access.Store.
func (s *Store) Setup(ctx context.Context) (access.Setup, error) {
	d, err := one[setup](ctx, s.settings, with("_id", setupID))
	return access.Setup{ID: lease.Hash(d.Token), Until: timeOf(d.Until)}, err
}

// CreateOwner implements access.Store.
func (s *Store) CreateOwner(ctx context.Context, given lease.Hash, org licensing.Organisation, owner access.Member) error {
	if owned, err := s.found(ctx); err != nil {
		return err
	} else if owned {
		return licensing.ErrExists
	}
	present, err := s.Setup(ctx)
	if err != nil {
		return err
	}
	if present.ID != given {
		return licensing.ErrNotFound
	}
	if err := s.insert(ctx, s.settings, founding{ID: foundingID, Organisation: organisationOf(org), Owner: memberOf(owner)}); err != nil {
		return err
	}
	_, err = s.found(ctx)
	return err
}
