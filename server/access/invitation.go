package access

import (
	"context"
	"errors"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// InvitationLifetime is the time for which an invitation is valid.
const InvitationLifetime = 7 * 24 * time.Hour

// Invitation lets one person become a member of an organisation.
type Invitation struct {
	ID        license.ID
	Email     string
	Role      Role
	InvitedBy license.ID // the member who sent the invitation
	Created   lease.Time
	Expires   lease.Time
}

// Invite invites an address to become a member. With a mailer the link goes to the address alone, so that accepting proves the address;
// otherwise the link is returned, for the inviter to pass on. It returns ErrExists if the address is a member's or is invited already.
func (s *Service) Invite(ctx context.Context, who Identity, organisation, email string, role Role) (i Invitation, link string, err error) {
	if err := checkEmail("email", email); err != nil {
		return i, "", err
	}
	if err := checkRole(role); err != nil {
		return i, "", err
	}
	if role == Owner && who.Member.Role != Owner {
		return i, "", errOwnersOnly
	}
	if err := who.checkMayGrant(role); err != nil {
		return i, "", err
	}
	email = normaliseEmail(email)
	if err := s.checkEmailUnused(ctx, email); err != nil {
		return i, "", err
	}
	org := who.Organisation()
	id := invitationID(org, email)
	t := oneTimeToken{Member: who.Member.ID, Email: email, Role: role}
	secret, e, err := s.createLink(ctx, invitationKind, id, org, InvitationLifetime, t)
	if errors.Is(err, licensing.ErrExists) {
		if err := s.deleteExpired(ctx, invitationKind, id); err != nil {
			return i, "", err
		}
		secret, e, err = s.createLink(ctx, invitationKind, id, org, InvitationLifetime, t)
	}
	if err != nil {
		return i, "", err
	}
	if i, err = invitationOf(e); err != nil {
		return i, "", err
	}
	link = s.linkTo(invitationPage, secret)
	if s.Mailer == nil {
		return i, link, nil
	}
	if err := s.mailLink(ctx, invitationKind, email, organisation, link, InvitationLifetime); err != nil {
		return i, "", errors.Join(err, s.links(invitationKind).Delete(ctx, e.ID, 0))
	}
	return i, "", nil
}

// invitationID derives the id from the address, so that an address has one invitation at a time.
func invitationID(org license.ID, email string) license.ID {
	return license.ID(hashToken("invitation of", string(org)+"\n"+email)[:24])
}

// deleteExpired deletes the entry with the id if it has expired, so that a new one can be created.
func (s *Service) deleteExpired(ctx context.Context, kind string, id license.ID) error {
	e, err := s.store.Entry(ctx, kind, string(id))
	if err == nil && s.timestamp() >= e.Until {
		err = s.store.DeleteEntry(ctx, kind, e.ID, e.Revision)
	}
	if isWriteConflict(err) {
		err = nil
	}
	return err
}

func invitationOf(e licensing.TypedEntry[oneTimeToken]) (Invitation, error) {
	t := e.Value
	return Invitation{ID: license.ID(e.ID), Email: t.Email, Role: t.Role, InvitedBy: t.Member, Created: e.Created, Expires: t.Expires}, nil
}

// Invitations lists the organisation's open invitations, newest first.
func (s *Service) Invitations(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[Invitation], error) {
	found, err := s.links(invitationKind).List(ctx, org, "", page)
	if err != nil {
		return licensing.Listing[Invitation]{}, err
	}
	return licensing.MapListing(found, invitationOf)
}

// RevokeInvitation deletes an invitation, so that its link is refused.
func (s *Service) RevokeInvitation(ctx context.Context, org, id license.ID) error {
	if _, err := licensing.OrgEntry(ctx, s.store, org, invitationKind, string(id)); err != nil {
		return err
	}
	return s.store.DeleteEntry(ctx, invitationKind, string(id), 0)
}

// AcceptInvitation creates the member and logs them in.
func (s *Service) AcceptInvitation(ctx context.Context, secret, name, password, address string) (token string, who Identity, err error) {
	e, err := s.lookupLink(ctx, invitationKind, secret, address)
	if err != nil {
		return "", Identity{}, err
	}
	t := e.Value
	if err := s.checkCreatorStillMay(ctx, e.Org, t.Member, t.Role); err != nil {
		return "", Identity{}, err
	}
	if err := checkLine("name", name); err != nil {
		return "", Identity{}, err
	}
	if err := checkPassword("password", password); err != nil {
		return "", Identity{}, err
	}
	if err := s.checkEmailUnused(ctx, t.Email); err != nil { // another organisation may have created a member with this address
		return "", Identity{}, err
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return "", Identity{}, err
	}
	if err := s.consumeLink(ctx, e); err != nil {
		return "", Identity{}, err
	}
	m := Member{
		ID:           s.newID(ctx),
		Organisation: e.Org,
		Email:        t.Email,
		Verified:     t.Mailed,
		Name:         name,
		Role:         t.Role,
		Password:     hash,
		Revision:     1,
		Created:      s.timestamp(),
	}
	if err := s.store.CreateMember(ctx, m); err != nil {
		return "", Identity{}, err
	}
	if err := s.rememberPlace(ctx, m.Email, networkOf(address)); err != nil {
		return "", Identity{}, err
	}
	return s.createSession(ctx, m, AuthPassword)
}
