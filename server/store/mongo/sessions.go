package mongo

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// session is a document.
type session struct {
	ID      string `bson:"_id"`
	Member  string `bson:"member"`
	Created date   `bson:"created"`
	Expires date   `bson:"expires"`
	Round   int64  `bson:"round"` // of the member's logins, when it was made
}

// CreateSession implements access.Store.
func (s *Store) CreateSession(ctx context.Context, given access.Session) error {
	m, err := one[member](ctx, s.members, with("_id", string(given.Member)), only("round"))
	if err != nil {
		return err
	}
	return s.insert(ctx, s.sessions, session{string(given.ID), string(given.Member), dateOf(given.Created), dateOf(given.Expires), m.Round})
}

// Session implements access.Store.
func (s *Store) Session(ctx context.Context, id lease.Hash) (access.Session, access.Member, error) {
	d, err := one[session](ctx, s.sessions, with("_id", string(id)))
	if err != nil {
		return access.Session{}, access.Member{}, err
	}
	m, err := one[member](ctx, s.members, with("_id", d.Member))
	if err == nil && d.Round != m.Round && d.ID != m.Keep {
		err = licensing.ErrNotFound
	}
	if err != nil {
		return access.Session{}, access.Member{}, err
	}
	return access.Session{ID: id, Member: license.ID(d.Member), Created: timeOf(d.Created), Expires: timeOf(d.Expires)}, m.record(), nil
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
