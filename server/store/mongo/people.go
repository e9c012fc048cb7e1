package mongo

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
)

// member is a document. Which sessions are good is its word alone: those of its present round of logins, and the one that it keeps from
// earlier rounds. So a new password ends the others at one stroke, and deleting them is only tidying.
type member struct {
	ID       string `bson:"_id"`
	Org      string `bson:"org"`
	NameKey  string `bson:"name_key"` // of the document that makes the e-mail address unique
	Revision int64  `bson:"revision"`
	Email    string `bson:"email"`
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
	return member{ID: string(m.ID), Org: string(m.Organisation), NameKey: emailKey(m.Email), Revision: 1, Email: m.Email, Name: m.Name,
		Role: string(m.Role), Password: m.Password, Disabled: m.Disabled, Created: dateOf(m.Created)}
}

func (d member) record() access.Member {
	return access.Member{ID: license.ID(d.ID), Organisation: license.ID(d.Org), Email: d.Email, Name: d.Name, Role: access.Role(d.Role),
		Password: d.Password, Disabled: d.Disabled, Created: timeOf(d.Created)}
}

// CreateMember implements access.Store.
func (s *Store) CreateMember(ctx context.Context, m access.Member) error {
	if there, err := exists(ctx, s.organisations, with("_id", string(m.Organisation))); err != nil || !there {
		return missing(err)
	}
	return s.insertMember(ctx, memberOf(m))
}

func (s *Store) insertMember(ctx context.Context, d member) error {
	if err := s.take(ctx, d.NameKey, d.ID, s.members); err != nil {
		return err
	}
	return s.insert(ctx, s.members, d)
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

// SetPassword implements access.Store.
func (s *Store) SetPassword(ctx context.Context, org, id license.ID, password string, keep lease.Hash) error {
	met, err := s.change(ctx, s.members, byID(string(id), "org", string(org)),
		with("$set", with("password", password, "keep", string(keep)), "$inc", with("round", int64(1))))
	if err != nil || !met {
		return missing(err)
	}
	return s.removeWhere(ctx, s.sessions, with("member", string(id), "_id", with("$ne", string(keep))))
}

// SetDisabled implements access.Store.
func (s *Store) SetDisabled(ctx context.Context, org, id license.ID, disabled bool) error {
	set := with("disabled", disabled)
	update := with("$set", set)
	if disabled {
		update = with("$set", append(set, with("keep", "")...), "$inc", with("round", int64(1)))
	}
	met, err := s.change(ctx, s.members, byID(string(id), "org", string(org)), update)
	if err != nil || !met {
		return missing(err)
	}
	if !disabled {
		return nil
	}
	return s.removeWhere(ctx, s.sessions, with("member", string(id)))
}
