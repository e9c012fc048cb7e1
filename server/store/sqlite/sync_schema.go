package sqlite

// The tables that syncs change. A license's counters are in one small row of their own, so that a sync never rewrites the license. A pool
// counts the taken slots of one entitlement, including lapsed ones until another request needs them: a grant costs the same however large
// the pool is, and the index by deadline finds the lapsed slots.
const syncSchema = `
CREATE TABLE meters (
	license      TEXT PRIMARY KEY REFERENCES licenses (id),
	used         INTEGER NOT NULL DEFAULT 0,
	machines     INTEGER NOT NULL DEFAULT 0,
	window_from  INTEGER NOT NULL DEFAULT 0,
	window_count INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE activations (
	seq           INTEGER PRIMARY KEY,
	license       TEXT NOT NULL REFERENCES licenses (id),
	activation    TEXT NOT NULL,
	org           TEXT NOT NULL,
	device        TEXT NOT NULL,
	generation    INTEGER NOT NULL,
	number        INTEGER NOT NULL,
	link          TEXT NOT NULL,
	request       TEXT NOT NULL,
	lease         BLOB NOT NULL,
	counted       INTEGER NOT NULL,
	created       INTEGER NOT NULL,
	last_sync     INTEGER NOT NULL,
	closed        INTEGER NOT NULL,
	restores      INTEGER NOT NULL,
	restores_from INTEGER NOT NULL,
	UNIQUE (license, activation)
) STRICT;
CREATE INDEX activations_license ON activations (license, seq);

CREATE TABLE pools (
	license     TEXT NOT NULL REFERENCES licenses (id),
	entitlement TEXT NOT NULL,
	used        INTEGER NOT NULL,
	PRIMARY KEY (license, entitlement)
) STRICT, WITHOUT ROWID;

CREATE TABLE reservations (
	license     TEXT NOT NULL REFERENCES licenses (id),
	activation  TEXT NOT NULL,
	entitlement TEXT NOT NULL,
	context     TEXT NOT NULL,
	since       INTEGER NOT NULL,
	until       INTEGER NOT NULL,
	PRIMARY KEY (license, activation, entitlement)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_until ON reservations (license, entitlement, until);
`
