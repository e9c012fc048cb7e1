package sqlite

// Additions to the first schema: prepaid calls, re-activation history and last report of an activation, the beginning of an epoch, and a
// product's statement. Before there was prepayment, what was charged was what was counted. `past` and `seen` are empty for a zero
// structure; `list` is NULL until the product has a statement.
const reactivationSchema = `
ALTER TABLE activations ADD COLUMN granted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activations ADD COLUMN past TEXT NOT NULL DEFAULT '';
ALTER TABLE activations ADD COLUMN seen TEXT NOT NULL DEFAULT '';
UPDATE activations SET granted = counted;
ALTER TABLE epoch ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE products ADD COLUMN list BLOB;
`
