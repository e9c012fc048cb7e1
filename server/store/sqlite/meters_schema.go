package sqlite

// The periods of an allowance, moves between machines, and the vendor's names for installations. Until now nobody had given up a place
// among the machines that would count.
const metersSchema = `
ALTER TABLE meters ADD COLUMN period INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN closed TEXT NOT NULL DEFAULT '';
ALTER TABLE meters ADD COLUMN places INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN moves_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN moves INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN last_activation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meters ADD COLUMN departed TEXT NOT NULL DEFAULT '';
UPDATE meters SET places = machines;
ALTER TABLE activations ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE activations ADD COLUMN folded TEXT NOT NULL DEFAULT '';
`
