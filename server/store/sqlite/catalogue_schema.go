package sqlite

// Lists run from the newest to the oldest record, so each record has a sequence number; ids are random. Searches look through `folded`.
// Lists of names are stored as in a license file, structures as JSON.
const catalogueSchema = `
CREATE TABLE heartbeat (at INTEGER NOT NULL);
INSERT INTO heartbeat VALUES (0);

CREATE TABLE organisations (
	id      TEXT PRIMARY KEY,
	name    TEXT NOT NULL,
	created INTEGER NOT NULL
) STRICT;

CREATE TABLE products (
	seq         INTEGER PRIMARY KEY,
	id          TEXT NOT NULL UNIQUE,
	org         TEXT NOT NULL REFERENCES organisations (id),
	revision    INTEGER NOT NULL,
	created     INTEGER NOT NULL,
	updated     INTEGER NOT NULL,
	metadata    TEXT NOT NULL,
	name        TEXT NOT NULL,
	folded      TEXT NOT NULL,
	description TEXT NOT NULL,
	archived    INTEGER NOT NULL,
	keyring     BLOB NOT NULL,
	secret      BLOB NOT NULL,
	UNIQUE (org, name)
) STRICT;

CREATE TABLE versions (
	seq         INTEGER PRIMARY KEY,
	id          TEXT NOT NULL UNIQUE,
	org         TEXT NOT NULL,
	product     TEXT NOT NULL REFERENCES products (id),
	revision    INTEGER NOT NULL,
	created     INTEGER NOT NULL,
	updated     INTEGER NOT NULL,
	metadata    TEXT NOT NULL,
	name        TEXT NOT NULL,
	folded      TEXT NOT NULL,
	description TEXT NOT NULL,
	archived    INTEGER NOT NULL,
	policy      TEXT NOT NULL,
	UNIQUE (product, name)
) STRICT;

CREATE TABLE licenses (
	seq          INTEGER PRIMARY KEY,
	id           TEXT NOT NULL UNIQUE,
	org          TEXT NOT NULL,
	product      TEXT NOT NULL REFERENCES products (id),
	version      TEXT NOT NULL REFERENCES versions (id),
	revision     INTEGER NOT NULL,
	created      INTEGER NOT NULL,
	updated      INTEGER NOT NULL,
	metadata     TEXT NOT NULL,
	name         TEXT NOT NULL,
	folded       TEXT NOT NULL,
	customer     TEXT NOT NULL,
	contexts     TEXT NOT NULL,
	entitlements TEXT NOT NULL,
	allowance    INTEGER NOT NULL,
	expires      INTEGER NOT NULL,
	status       TEXT NOT NULL,
	overrides    TEXT NOT NULL
) STRICT;
CREATE INDEX licenses_version ON licenses (version, seq);
CREATE INDEX licenses_product ON licenses (product);
`
