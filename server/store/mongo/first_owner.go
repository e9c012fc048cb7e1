package mongo

import (
	"context"
	"errors"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// The first owner is created once, because the creation is one document with a fixed _id, which holds the organisation and the owner. From
// the moment that it exists the server has an owner, and any node can complete the rest.

const (
	setupID      = "setup"
	firstOwnerID = "founding"
)

type setupToken struct {
	ID    string `bson:"_id"`
	Token string `bson:"token"`
	Until date   `bson:"until"`
}

type firstOwner struct {
	ID           string       `bson:"_id"`
	Organisation organisation `bson:"organisation"`
	Owner        member       `bson:"owner"`
	Done         bool         `bson:"done"`
}

// HasOwner implements access.Store.
func (s *Store) HasOwner(ctx context.Context) (bool, error) { return s.completeFirstOwner(ctx) }

// completeFirstOwner completes the creation of the first owner, if it has begun, and reports whether it has.
func (s *Store) completeFirstOwner(ctx context.Context) (bool, error) {
	f, err := findOne[firstOwner](ctx, s.settings, newDoc("_id", firstOwnerID))
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
	if _, err := s.deleteOne(ctx, s.settings, byID(setupID)); err != nil {
		return true, err
	}
	_, err = s.updateOne(ctx, s.settings, byID(firstOwnerID), newDoc("$set", newDoc("done", true)))
	return true, err
}

// SetSetupToken implements access.Store.
func (s *Store) SetSetupToken(ctx context.Context, given access.SetupToken) error {
	_, err := s.upsert(ctx, s.settings, byID(setupID), newDoc("$set", newDoc("token", string(given.Hash), "until", dateOf(given.Expires))))
	return err
}

// SetupToken implements access.Store.
func (s *Store) SetupToken(ctx context.Context) (access.SetupToken, error) {
	d, err := findOne[setupToken](ctx, s.settings, newDoc("_id", setupID))
	return access.SetupToken{Hash: lease.Hash(d.Token), Expires: timeOf(d.Until)}, err
}

// CreateFirstOwner implements access.Store.
func (s *Store) CreateFirstOwner(ctx context.Context, given lease.Hash, org licensing.Organisation, owner access.Member) error {
	if owned, err := s.completeFirstOwner(ctx); err != nil {
		return err
	} else if owned {
		return licensing.ErrExists
	}
	present, err := s.SetupToken(ctx)
	if err != nil {
		return err
	}
	if present.Hash != given {
		return licensing.ErrNotFound
	}
	if err := s.insert(ctx, s.settings, firstOwner{ID: firstOwnerID, Organisation: newOrganisationDocument(org),
		Owner: newMemberDocument(owner)}); err != nil {
		return err
	}
	_, err = s.completeFirstOwner(ctx)
	return err
}
