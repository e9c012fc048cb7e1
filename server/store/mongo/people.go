package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// member is a document. Which sessions are good is its word alone: those of its present round of logins, and the one that it keeps from
// earlier rounds. So a new password ends the others at one stroke, and deleting them is only tidying.
type member struct {
	ID       string `bson:"_id"`
	Org      string `bson:"org"`
	NameKey  string `bson:"name_key"` // of the document that makes the e-mail address unique
	Revision int64  `bson:"revision"`
	Folded   string `bson:"folded"` // what a search looks through
	Email    string `bson:"email"`
	Verified bool   `bson:"verified"`
	Name     string `bson:"name"`
	Role     string `bson:"role"`
	Password string `bson:"password"`
	Disabled bool   `bson:"disabled"`
	Created  date   `bson:"created"`
	Round    int64  `bson:"round"`
	Keep     string `bson:"keep"`
}

func emailKey(email string) string { return nameKey("email", "", email) }

func memberOf(m access.Member) member {
	return member{ID: string(m.ID), Org: string(m.Organisation), NameKey: emailKey(m.Email), Revision: 1, Folded: foldedMember(m),
		Email: m.Email, Verified: m.Verified, Name: m.Name, Role: string(m.Role), Password: m.Password, Disabled: m.Disabled, Created: dateOf(m.Created)}
}

func foldedMember(m access.Member) string { return fold(m.Name, m.Email) }

func (d member) record() access.Member {
	return access.Member{ID: license.ID(d.ID), Organisation: license.ID(d.Org), Email: d.Email, Verified: d.Verified, Name: d.Name,
		Role: access.Role(d.Role), Password: d.Password, Disabled: d.Disabled, Revision: d.Revision, Created: timeOf(d.Created)}
}

func (d member) place() (date, string) { return d.Created, d.ID }

// CreateMember implements access.Store.
func (s *Store) CreateMember(ctx context.Context, m access.Member) error {
	if there, err := exists(ctx, s.organisations, with("_id", string(m.Organisation))); err != nil || !there {
		return missing(err)
	}
	return s.insertMember(ctx, memberOf(m))
}

func (s *Store) insertMember(ctx context.Context, d member) error {
	return s.named(ctx, s.members, d.NameKey, d.ID, d)
}

// Member implements access.Store.
func (s *Store) Member(ctx context.Context, org, id license.ID) (access.Member, error) {
	d, err := one[member](ctx, s.members, with("_id", string(id), "org", string(org)))
	return d.record(), err
}

// MemberByEmail implements access.Store.
func (s *Store) MemberByEmail(ctx context.Context, email string) (access.Member, error) {
	n, err := one[name](ctx, s.names, with("_id", emailKey(email)))
	if err != nil {
		return access.Member{}, err
	}
	d, err := one[member](ctx, s.members, with("_id", n.Of, "email", email))
	return d.record(), err
}

// Members implements access.Store, as all below.
func (s *Store) Members(ctx context.Context, org license.ID, page licensing.Page) (licensing.Listing[access.Member], error) {
	return list(ctx, s.members, with("org", string(org)), "folded", page, member.record)
}

func (s *Store) UpdateMember(ctx context.Context, m access.Member) (access.Member, error) {
	d := memberOf(m)
	set := with("name_key", d.NameKey, "revision", m.Revision+1, "folded", d.Folded, "email", d.Email, "verified", d.Verified, "name", d.Name,
		"role", d.Role, "disabled", d.Disabled)
	update := with("$set", set)
	if m.Disabled {
		update = endingSessions("", set...)
	}
	if err := s.edit(ctx, s.members, d.ID, d.Org, d.NameKey, m.Revision, update); err != nil {
		return m, err
	}
	m.Revision++
	if m.Disabled {
		return m, s.forgetSessions(ctx, m.ID, "")
	}
	return m, nil
}

func (s *Store) DeleteMember(ctx context.Context, org, id license.ID, revision int64) error {
	d, err := one[member](ctx, s.members, with("_id", string(id), "org", string(org)))
	switch {
	case err != nil:
		return err
	case d.Revision != revision:
		return licensing.ErrStale
	}
	if met, err := s.remove(ctx, s.members, byID(d.ID, "org", d.Org, "revision", revision)); err != nil {
		return err
	} else if !met {
		return s.staleOrGone(ctx, s.members, d.ID)
	}
	if _, err := s.remove(ctx, s.names, byID(d.NameKey, "of", d.ID)); err != nil {
		return err
	}
	return s.forgetSessions(ctx, id, "")
}

func (s *Store) SetPassword(ctx context.Context, org, id license.ID, was, password string, keep lease.Hash) error {
	if _, err := s.Member(ctx, org, id); err != nil {
		return err
	}
	met, err := s.change(ctx, s.members, byID(string(id), "org", string(org), "password", was), endingSessions(keep, with("password", password)...))
	if err != nil {
		return err
	} else if !met {
		return s.staleOrGone(ctx, s.members, string(id))
	}
	return s.forgetSessions(ctx, id, keep)
}

func (s *Store) EndSessions(ctx context.Context, org, id license.ID, keep lease.Hash) error {
	met, err := s.change(ctx, s.members, byID(string(id), "org", string(org)), endingSessions(keep))
	if err != nil || !met {
		return missing(err)
	}
	return s.forgetSessions(ctx, id, keep)
}

// endingSessions is an update of a member after which keep is the only session.
func endingSessions(keep lease.Hash, set ...bson.E) bson.D {
	return with("$set", append(with("keep", string(keep)), set...), "$inc", with("round", int64(1)))
}

// forgetSessions tidies up those that the member's document has ended.
func (s *Store) forgetSessions(ctx context.Context, id license.ID, keep lease.Hash) error {
	return s.removeWhere(ctx, s.sessions, with("member", string(id), "_id", with("$ne", string(keep))))
}
