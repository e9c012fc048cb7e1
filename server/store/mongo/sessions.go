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

// session is the document of a session.
type session struct {
	ID         string `bson:"_id"`
	Member     string `bson:"member"`
	AuthMethod string `bson:"via"`
	Created    date   `bson:"created"`
	Expires    date   `bson:"expires"`
	Round      int64  `bson:"round"` // the member's session round when it was created
}

// CreateSession implements access.Store. The session round is read together with the password that it requires: when a new password is set,
// or the member deleted, after that, the round has ended and the session is not valid.
func (s *Store) CreateSession(ctx context.Context, given access.Session, password string) error {
	m, err := findOne[member](ctx, s.members, newDoc("_id", string(given.Member), "password", password, "disabled", false), project("round"))
	if err != nil {
		return err
	}
	return s.insert(ctx, s.sessions, session{string(given.ID), string(given.Member), string(given.AuthMethod), dateOf(given.Created),
		dateOf(given.Expires), m.SessionRound})
}

// Session implements access.Store.
func (s *Store) Session(ctx context.Context, id lease.Hash) (access.Session, access.Member, error) {
	d, err := findOne[session](ctx, s.sessions, newDoc("_id", string(id)))
	if err != nil {
		return access.Session{}, access.Member{}, err
	}
	m, err := findOne[member](ctx, s.members, newDoc("_id", d.Member))
	if err == nil && !d.isValidFor(m) {
		err = licensing.ErrNotFound
	}
	if err != nil {
		return access.Session{}, access.Member{}, err
	}
	return d.record(), m.record(), nil
}

func (d session) record() access.Session {
	via := access.AuthMethod(d.AuthMethod)
	if via == "" { // from when passwords were the only method
		via = access.AuthPassword
	}
	return access.Session{ID: lease.Hash(d.ID), Member: license.ID(d.Member), AuthMethod: via, Created: timeOf(d.Created),
		Expires: timeOf(d.Expires)}
}

// isValidFor reports whether the session is one of the member's valid sessions.
func (d session) isValidFor(m member) bool { return d.Round == m.SessionRound || d.ID == m.KeptSession }

// Sessions implements access.Store.
func (s *Store) Sessions(ctx context.Context, org, id license.ID) ([]access.Session, error) {
	m, err := findOne[member](ctx, s.members, newDoc("_id", string(id), "org", string(org)), project("round", "keep"))
	if errors.Is(err, licensing.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	found, err := findAll[session](ctx, s.sessions, newDoc("member", string(id)), options.Find().SetSort(newDoc("created", -1, "_id", 1)))
	var all []access.Session
	for _, d := range found {
		if d.isValidFor(m) {
			all = append(all, d.record())
		}
	}
	return all, err
}

// EndSession implements access.Store.
func (s *Store) EndSession(ctx context.Context, id lease.Hash) error {
	_, err := s.deleteOne(ctx, s.sessions, byID(string(id)))
	return err
}

// DeleteExpiredSessions implements access.Store.
func (s *Store) DeleteExpiredSessions(ctx context.Context, before lease.Time) error {
	return s.deleteMany(ctx, s.sessions, newDoc("expires", newDoc("$lt", dateOf(before))))
}
