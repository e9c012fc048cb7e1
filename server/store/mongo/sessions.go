package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// session is a document.
type session struct {
	ID      string `bson:"_id"`
	Member  string `bson:"member"`
	Via     string `bson:"via"`
	Created date   `bson:"created"`
	Expires date   `bson:"expires"`
	Round   int64  `bson:"round"` // of the member's logins, when it was made
}

// CreateSession implements access.Store. The round is read together with the password that it wants: a new password, or the end of the
// member, after that begins another round, in which the session is none.
func (s *Store) CreateSession(ctx context.Context, given access.Session, password string) error {
	m, err := one[member](ctx, s.members, with("_id", string(given.Member), "password", password, "disabled", false), only("round"))
	if err != nil {
		return err
	}
	return s.insert(ctx, s.sessions, session{string(given.ID), string(given.Member), string(given.Via), dateOf(given.Created), dateOf(given.Expires), m.Round})
}

// Session implements access.Store.
func (s *Store) Session(ctx context.Context, id lease.Hash) (access.Session, access.Member, error) {
	d, err := one[session](ctx, s.sessions, with("_id", string(id)))
	if err != nil {
		return access.Session{}, access.Member{}, err
	}
	m, err := one[member](ctx, s.members, with("_id", d.Member))
	if err == nil && !d.of(m) {
		err = licensing.ErrNotFound
	}
	if err != nil {
		return access.Session{}, access.Member{}, err
	}
	return d.record(), m.record(), nil
}

func (d session) record() access.Session {
	via := access.Via(d.Via)
	if via == "" { // from when there was one way in
		via = access.ViaPassword
	}
	return access.Session{ID: lease.Hash(d.ID), Member: license.ID(d.Member), Via: via, Created: timeOf(d.Created), Expires: timeOf(d.Expires)}
}

// of tells whether the session is one of the member's that are good.
func (d session) of(m member) bool { return d.Round == m.Round || d.ID == m.Keep }

// Sessions implements access.Store.
func (s *Store) Sessions(ctx context.Context, org, id license.ID) ([]access.Session, error) {
	m, err := one[member](ctx, s.members, with("_id", string(id), "org", string(org)), only("round", "keep"))
	if errors.Is(err, licensing.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	found, err := find[session](ctx, s.sessions, with("member", string(id)), options.Find().SetSort(with("created", -1, "_id", 1)))
	var all []access.Session
	for _, d := range found {
		if d.of(m) {
			all = append(all, d.record())
		}
	}
	return all, err
}

// EndSession implements access.Store.
func (s *Store) EndSession(ctx context.Context, id lease.Hash) error {
	_, err := s.remove(ctx, s.sessions, byID(string(id)))
	return err
}

// TidySessions implements access.Store.
func (s *Store) TidySessions(ctx context.Context, before lease.Time) error {
	return s.removeWhere(ctx, s.sessions, with("expires", with("$lt", dateOf(before))))
}
