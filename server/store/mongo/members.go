package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// member is the document of a member. It alone decides which sessions are valid: those of its current session round, and one kept session
// of earlier rounds. So a new password ends the others in one step, and deleting them is only cleanup.
type member struct {
	ID           string `bson:"_id"`
	Org          string `bson:"org"`
	NameKey      string `bson:"name_key"` // _id of the document that makes the e-mail address unique
	Revision     int64  `bson:"revision"`
	Folded       string `bson:"folded"` // what searches look through
	Email        string `bson:"email"`
	Verified     bool   `bson:"verified"`
	Name         string `bson:"name"`
	Role         string `bson:"role"`
	Password     string `bson:"password"`
	Disabled     bool   `bson:"disabled"`
	Created      date   `bson:"created"`
	SessionRound int64  `bson:"round"`
	KeptSession  string `bson:"keep"`
}

func emailKey(email string) string { return nameKey("email", "", email) }

func newMemberDocument(m access.Member) member {
	return member{ID: string(m.ID), Org: string(m.Organisation), NameKey: emailKey(m.Email), Revision: 1, Folded: foldedMember(m),
		Email: m.Email, Verified: m.Verified, Name: m.Name, Role: string(m.Role), Password: m.Password, Disabled: m.Disabled,
		Created: dateOf(m.Created)}
}

func foldedMember(m access.Member) string { return foldCase(m.Name, m.Email) }

func (d member) record() access.Member {
	return access.Member{ID: license.ID(d.ID), Organisation: license.ID(d.Org), Email: d.Email, Verified: d.Verified, Name: d.Name,
		Role: access.Role(d.Role), Password: d.Password, Disabled: d.Disabled, Revision: d.Revision, Created: timeOf(d.Created)}
}

func (d member) position() (date, string) { return d.Created, d.ID }

// CreateMember implements access.Store.
func (s *Store) CreateMember(ctx context.Context, m access.Member) error {
	if there, err := exists(ctx, s.organisations, newDoc("_id", string(m.Organisation))); err != nil || !there {
		return orNotFound(err)
	}
	return s.insertMember(ctx, newMemberDocument(m))
}

func (s *Store) insertMember(ctx context.Context, d member) error {
	return s.insertNamed(ctx, s.members, d.NameKey, d.ID, d)
}

// Member implements access.Store.
func (s *Store) Member(ctx context.Context, org, id license.ID) (access.Member, error) {
	d, err := findOne[member](ctx, s.members, newDoc("_id", string(id), "org", string(org)))
	return d.record(), err
}

// MemberByEmail implements access.Store.
func (s *Store) MemberByEmail(ctx context.Context, email string) (access.Member, error) {
	n, err := findOne[uniqueName](ctx, s.names, newDoc("_id", emailKey(email)))
	if err != nil {
		return access.Member{}, err
	}
	d, err := findOne[member](ctx, s.members, newDoc("_id", n.Owner, "email", email))
	return d.record(), err
}

// Members implements access.Store, as do the exported methods below.
func (s *Store) Members(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[access.Member], error) {
	return listNewest(ctx, s.members, newDoc("org", string(org)), "folded", page, member.record)
}

// UpdateMember implements access.Store.
func (s *Store) UpdateMember(ctx context.Context, m access.Member) (access.Member, error) {
	d := newMemberDocument(m)
	set := newDoc("name_key", d.NameKey, "revision", m.Revision+1, "folded", d.Folded, "email", d.Email, "verified", d.Verified,
		"name", d.Name, "role", d.Role, "disabled", d.Disabled)
	update := newDoc("$set", set)
	if m.Disabled {
		update = endSessionsUpdate("", set...)
	}
	if err := s.editRecord(ctx, s.members, d.ID, d.Org, d.NameKey, m.Revision, update); err != nil {
		return m, err
	}
	m.Revision++
	if m.Disabled {
		return m, s.deleteEndedSessions(ctx, m.ID, "")
	}
	return m, nil
}

// DeleteMember implements access.Store.
func (s *Store) DeleteMember(ctx context.Context, org, id license.ID, revision int64) error {
	d, err := findOne[member](ctx, s.members, newDoc("_id", string(id), "org", string(org)))
	switch {
	case err != nil:
		return err
	case d.Revision != revision:
		return licensing.ErrStale
	}
	if met, err := s.deleteOne(ctx, s.members, byID(d.ID, "org", d.Org, "revision", revision)); err != nil {
		return err
	} else if !met {
		return s.staleOrNotFound(ctx, s.members, d.ID)
	}
	if _, err := s.deleteOne(ctx, s.names, byID(d.NameKey, "of", d.ID)); err != nil {
		return err
	}
	return s.deleteEndedSessions(ctx, id, "")
}

// SetPassword implements access.Store.
func (s *Store) SetPassword(ctx context.Context, org, id license.ID, was, password string, keep lease.Hash) error {
	if _, err := s.Member(ctx, org, id); err != nil {
		return err
	}
	met, err := s.updateOne(ctx, s.members, byID(string(id), "org", string(org), "password", was),
		endSessionsUpdate(keep, newDoc("password", password)...))
	if err != nil {
		return err
	} else if !met {
		return s.staleOrNotFound(ctx, s.members, string(id))
	}
	return s.deleteEndedSessions(ctx, id, keep)
}

// EndSessions implements access.Store.
func (s *Store) EndSessions(ctx context.Context, org, id license.ID, keep lease.Hash) error {
	met, err := s.updateOne(ctx, s.members, byID(string(id), "org", string(org)), endSessionsUpdate(keep))
	if err != nil || !met {
		return orNotFound(err)
	}
	return s.deleteEndedSessions(ctx, id, keep)
}

// endSessionsUpdate returns an update of a member that ends all sessions except keep, and sets these members.
func endSessionsUpdate(keep lease.Hash, set ...bson.E) bson.D {
	return newDoc("$set", append(newDoc("keep", string(keep)), set...), "$inc", newDoc("round", int64(1)))
}

// deleteEndedSessions deletes the sessions that the member's document has ended.
func (s *Store) deleteEndedSessions(ctx context.Context, id license.ID, keep lease.Hash) error {
	return s.deleteMany(ctx, s.sessions, newDoc("member", string(id), "_id", newDoc("$ne", string(keep))))
}
