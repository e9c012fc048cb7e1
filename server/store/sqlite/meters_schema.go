package sqlite

// Periods of an allowance, transfers between machines, and the vendor's names for installations. Before this migration no given-up place of
// a machine was counted.
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
