package sqlite

import (
	"context"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// Sessions are deleted with their member. The setup table has at most one row.
const membersSchema = `
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

// Edits of members came later, and with them the authentication method of a session.
const memberEditsSchema = `
ALTER TABLE members ADD COLUMN verified INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE members ADD COLUMN folded TEXT NOT NULL DEFAULT '';
UPDATE members SET folded = lower(name || char(10) || email);
ALTER TABLE sessions ADD COLUMN via TEXT NOT NULL DEFAULT 'password';
`

var _ access.Store = (*Store)(nil)

const memberColumns = `members.id, members.org, members.email, members.name, members.role, members.password, members.disabled,
	members.created,
	members.verified, members.revision`

// memberFields returns pointers to the fields that memberColumns are scanned into.
func memberFields(m *access.Member) []any {
	return []any{&m.ID, &m.Organisation, &m.Email, &m.Name, &m.Role, &m.Password, &m.Disabled, &m.Created, &m.Verified, &m.Revision}
}

const ownerExists = `SELECT EXISTS (SELECT 1 FROM members WHERE role = 'owner')`

// HasOwner implements access.Store, as do the exported methods below.
func (s *Store) HasOwner(context.Context) (yes bool, err error) {
	err = s.row(ownerExists).Scan(&yes)
	return yes, err
}

// SetSetupToken implements access.Store.
func (s *Store) SetSetupToken(ctx context.Context, setup access.SetupToken) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO setup VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET id = excluded.id, until = excluded.until`, setup.Hash,
			setup.Expires)
		return err
	})
}

// SetupToken implements access.Store.
func (s *Store) SetupToken(context.Context) (setup access.SetupToken, err error) {
	err = mapNotFound(s.row(`SELECT id, until FROM setup`).Scan(&setup.Hash, &setup.Expires))
	return setup, err
}

// CreateFirstOwner implements access.Store.
func (s *Store) CreateFirstOwner(ctx context.Context, setup lease.Hash, org licensing.Organisation, owner access.Member) error {
	return s.write(ctx, func(t *tx) error {
		var yes bool
		if err := t.row(ownerExists).Scan(&yes); err != nil {
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
			return mapConstraint(err)
		}
		return insertMember(t, owner)
	})
}

// CreateMember implements access.Store.
func (s *Store) CreateMember(ctx context.Context, m access.Member) error {
	return s.write(ctx, func(t *tx) error { return insertMember(t, m) })
}

func insertMember(t *tx, m access.Member) error {
	_, err := t.exec(`INSERT INTO members (id, org, email, name, role, password, disabled, created, verified, folded) VALUES (?, ?, ?, ?, ?, ?,
		?, ?, ?, ?)`,
		m.ID, m.Organisation, m.Email, m.Name, m.Role, m.Password, m.Disabled, m.Created, m.Verified, foldCase(m.Name, m.Email))
	return mapConstraint(err)
}

// Member implements access.Store.
func (s *Store) Member(_ context.Context, org, id license.ID) (m access.Member, err error) {
	err = mapNotFound(s.row(`SELECT `+memberColumns+` FROM members WHERE id = ? AND org = ?`, id, org).Scan(memberFields(&m)...))
	return m, err
}

// MemberByEmail implements access.Store.
func (s *Store) MemberByEmail(_ context.Context, email string) (m access.Member, err error) {
	err = mapNotFound(s.row(`SELECT `+memberColumns+` FROM members WHERE email = ?`, email).Scan(memberFields(&m)...))
	return m, err
}

// SetPassword implements access.Store.
func (s *Store) SetPassword(ctx context.Context, org, id license.ID, was, password string, keep lease.Hash) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE members SET password = ? WHERE id = ? AND org = ? AND password = ?`, password, id, org, was)
		if err := requireOneRow(t, n, err, memberExists, id, org); err != nil {
			return err
		}
		_, err = t.exec(`DELETE FROM sessions WHERE member = ? AND id <> ?`, id, keep)
		return err
	})
}

// Members implements access.Store.
func (s *Store) Members(_ context.Context, org license.ID, page licensing.Page) (licensing.Listing[access.Member], error) {
	read := func(seq *int64, row scanner) (m access.Member, err error) {
		err = row.Scan(append([]any{seq}, memberFields(&m)...)...)
		return m, err
	}
	return listNewest(s, page, read, `SELECT rowid, `+memberColumns+` FROM members
		WHERE org = ? AND rowid < ? AND instr(folded, ?) ORDER BY rowid DESC LIMIT ?`, org)
}

// UpdateMember implements access.Store.
func (s *Store) UpdateMember(ctx context.Context, m access.Member) (access.Member, error) {
	err := s.write(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE members SET revision = revision + 1, email = ?, verified = ?, name = ?, folded = ?, role = ?, disabled = ?
			WHERE id = ? AND org = ? AND revision = ?`,
			m.Email, m.Verified, m.Name, foldCase(m.Name, m.Email), m.Role, m.Disabled, m.ID, m.Organisation, m.Revision)
		if err := requireOneRow(t, n, err, memberExists, m.ID, m.Organisation); err != nil || !m.Disabled {
			return err
		}
		_, err = t.exec(`DELETE FROM sessions WHERE member = ?`, m.ID)
		return err
	})
	m.Revision++
	return m, err
}

const memberExists = `SELECT 1 FROM members WHERE id = ? AND org = ?`

// DeleteMember implements access.Store.
func (s *Store) DeleteMember(ctx context.Context, org, id license.ID, revision int64) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(`DELETE FROM members WHERE id = ? AND org = ? AND revision = ?`, id, org, revision)
		return requireOneRow(t, n, err, memberExists, id, org)
	})
}

// CreateSession implements access.Store.
func (s *Store) CreateSession(ctx context.Context, session access.Session, password string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(`INSERT INTO sessions (id, member, via, created, expires)
			SELECT ?, id, ?, ?, ? FROM members WHERE id = ? AND password = ? AND NOT disabled`,
			session.ID, session.AuthMethod, session.Created, session.Expires, session.Member, password)
		return requireRow(n, mapConstraint(err))
	})
}

// Session implements access.Store.
func (s *Store) Session(_ context.Context, id lease.Hash) (session access.Session, m access.Member, err error) {
	err = s.row(`SELECT `+sessionColumns+`, `+memberColumns+` FROM sessions JOIN members ON members.id = sessions.member WHERE sessions.id =
		?`, id).
		Scan(append(sessionFields(&session), memberFields(&m)...)...)
	return session, m, mapNotFound(err)
}

const sessionColumns = `sessions.id, sessions.member, sessions.via, sessions.created, sessions.expires`

func sessionFields(s *access.Session) []any {
	return []any{&s.ID, &s.Member, &s.AuthMethod, &s.Created, &s.Expires}
}

// Sessions implements access.Store.
func (s *Store) Sessions(_ context.Context, org, member license.ID) (all []access.Session, err error) {
	err = s.rows(func(row scanner) error {
		var one access.Session
		err := row.Scan(sessionFields(&one)...)
		all = append(all, one)
		return err
	}, `SELECT `+sessionColumns+` FROM sessions JOIN members ON members.id = sessions.member WHERE members.id = ? AND members.org = ?
		ORDER BY sessions.created DESC, sessions.id`, member, org)
	return all, err
}

// EndSessions implements access.Store.
func (s *Store) EndSessions(ctx context.Context, org, member license.ID, keep lease.Hash) error {
	return s.write(ctx, func(t *tx) error {
		if there, err := rowExists(t, memberExists, member, org); err != nil || !there {
			return orMissingRow(err)
		}
		_, err := t.exec(`DELETE FROM sessions WHERE member = ? AND id <> ?`, member, keep)
		return err
	})
}

func orMissingRow(err error) error {
	if err != nil {
		return err
	}
	return licensing.ErrNotFound
}

// EndSession implements access.Store.
func (s *Store) EndSession(ctx context.Context, id lease.Hash) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM sessions WHERE id = ?`, id)
		return err
	})
}

// DeleteExpiredSessions implements access.Store.
func (s *Store) DeleteExpiredSessions(ctx context.Context, before lease.Time) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM sessions WHERE expires < ?`, before)
		return err
	})
}

// requireRow returns ErrNotFound when a change of a named row changed none.
func requireRow(rows int64, err error) error {
	if err == nil && rows == 0 {
		return licensing.ErrNotFound
	}
	return err
}
