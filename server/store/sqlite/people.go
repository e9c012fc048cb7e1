package sqlite

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// A session goes with its member. The setup table has one row at most.
const peopleSchema = `
CREATE TABLE members (
	id       TEXT PRIMARY KEY,
	org      TEXT NOT NULL REFERENCES organisations (id),
	email    TEXT NOT NULL UNIQUE,
	name     TEXT NOT NULL,
	role     TEXT NOT NULL,
	password TEXT NOT NULL,
	disabled INTEGER NOT NULL,
	created  INTEGER NOT NULL
) STRICT;
CREATE INDEX members_org ON members (org);

CREATE TABLE sessions (
	id      TEXT PRIMARY KEY,
	member  TEXT NOT NULL REFERENCES members (id) ON DELETE CASCADE,
	created INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_member ON sessions (member);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE setup (
	only  INTEGER PRIMARY KEY CHECK (only = 1),
	id    TEXT NOT NULL,
	until INTEGER NOT NULL
) STRICT;
`

var _ access.Store = (*Store)(nil)

const memberColumns = `members.id, members.org, members.email, members.name, members.role, members.password, members.disabled, members.created`

// into lists where memberColumns go.
func into(m *access.Member) []any {
	return []any{&m.ID, &m.Organisation, &m.Email, &m.Name, &m.Role, &m.Password, &m.Disabled, &m.Created}
}

const owned = `SELECT EXISTS (SELECT 1 FROM members WHERE role = 'owner')`

// Owned implements access.Store, as all below.
func (s *Store) Owned(context.Context) (yes bool, err error) {
	err = s.row(owned).Scan(&yes)
	return yes, err
}

func (s *Store) PutSetup(ctx context.Context, setup access.Setup) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO setup VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET id = excluded.id, until = excluded.until`, setup.ID, setup.Until)
		return err
	})
}

func (s *Store) Setup(context.Context) (setup access.Setup, err error) {
	err = found(s.row(`SELECT id, until FROM setup`).Scan(&setup.ID, &setup.Until))
	return setup, err
}

func (s *Store) CreateOwner(ctx context.Context, setup lease.Hash, org licensing.Organisation, owner access.Member) error {
	return s.write(ctx, func(t *tx) error {
		var yes bool
		if err := t.row(owned).Scan(&yes); err != nil {
			return err
		}
		if yes {
			return licensing.ErrExists
		}
		if n, err := t.exec(`DELETE FROM setup WHERE id = ?`, setup); err != nil {
			return err
		} else if n == 0 {
			return licensing.ErrNotFound
		}
		if _, err := t.exec(`INSERT INTO organisations (id, name, created) VALUES (?, ?, ?)`, org.ID, org.Name, org.Created); err != nil {
			return fresh(err)
		}
		return insertMember(t, owner)
	})
}

func (s *Store) CreateMember(ctx context.Context, m access.Member) error {
	return s.write(ctx, func(t *tx) error { return insertMember(t, m) })
}

func insertMember(t *tx, m access.Member) error {
	_, err := t.exec(`INSERT INTO members (id, org, email, name, role, password, disabled, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, m.Organisation, m.Email, m.Name, m.Role, m.Password, m.Disabled, m.Created)
	return fresh(err)
}

func (s *Store) Member(_ context.Context, org, id license.ID) (m access.Member, err error) {
	err = found(s.row(`SELECT `+memberColumns+` FROM members WHERE id = ? AND org = ?`, id, org).Scan(into(&m)...))
	return m, err
}

func (s *Store) MemberByEmail(_ context.Context, email string) (m access.Member, err error) {
	err = found(s.row(`SELECT `+memberColumns+` FROM members WHERE email = ?`, email).Scan(into(&m)...))
	return m, err
}

func (s *Store) SetPassword(ctx context.Context, org, id license.ID, password string, keep lease.Hash) error {
	return s.write(ctx, func(t *tx) error {
		if err := one(t.exec(`UPDATE members SET password = ? WHERE id = ? AND org = ?`, password, id, org)); err != nil {
			return err
		}
		_, err := t.exec(`DELETE FROM sessions WHERE member = ? AND id <> ?`, id, keep)
		return err
	})
}

func (s *Store) SetDisabled(ctx context.Context, org, id license.ID, disabled bool) error {
	return s.write(ctx, func(t *tx) error {
		if err := one(t.exec(`UPDATE members SET disabled = ? WHERE id = ? AND org = ?`, disabled, id, org)); err != nil || !disabled {
			return err
		}
		_, err := t.exec(`DELETE FROM sessions WHERE member = ?`, id)
		return err
	})
}

func (s *Store) CreateSession(ctx context.Context, session access.Session) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO sessions (id, member, created, expires) VALUES (?, ?, ?, ?)`,
			session.ID, session.Member, session.Created, session.Expires)
		return fresh(err)
	})
}

func (s *Store) Session(_ context.Context, id lease.Hash) (session access.Session, m access.Member, err error) {
	err = s.row(`SELECT sessions.id, sessions.member, sessions.created, sessions.expires, `+memberColumns+`
		FROM sessions JOIN members ON members.id = sessions.member WHERE sessions.id = ?`, id).
		Scan(append([]any{&session.ID, &session.Member, &session.Created, &session.Expires}, into(&m)...)...)
	return session, m, found(err)
}

func (s *Store) EndSession(ctx context.Context, id lease.Hash) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM sessions WHERE id = ?`, id)
		return err
	})
}

func (s *Store) TidySessions(ctx context.Context, before lease.Time) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM sessions WHERE expires < ?`, before)
		return err
	})
}

// one says ErrNotFound when a change that names its row met none.
func one(rows int64, err error) error {
	if err == nil && rows == 0 {
		return licensing.ErrNotFound
	}
	return err
}
