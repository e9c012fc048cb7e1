package sqlite

// What came after the first schema: prepaid calls, what an activation's earlier chains left behind and its holder told of itself, an
// epoch's beginning, and a product's statement. What was charged before there was prepayment is what was counted. `past` and `seen` are
// empty for a zero structure, `list` is NULL while the product has said nothing.
const reactivationSchema = `
ALTER TABLE activations ADD COLUMN granted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activations ADD COLUMN past TEXT NOT NULL DEFAULT '';
ALTER TABLE activations ADD COLUMN seen TEXT NOT NULL DEFAULT '';
UPDATE activations SET granted = counted;
ALTER TABLE epoch ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE products ADD COLUMN list BLOB;
`
