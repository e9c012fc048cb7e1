package sqlite

// When a version was released, whose a license is by record, how long its maintenance lasts, and what else there is of its terms and
// history: a structure that is empty for most, `more`.
const renewalSchema = `
ALTER TABLE versions ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
ALTER TABLE licenses ADD COLUMN customer_id TEXT NOT NULL DEFAULT '';
ALTER TABLE licenses ADD COLUMN maintenance INTEGER NOT NULL DEFAULT 0;
ALTER TABLE licenses ADD COLUMN more TEXT NOT NULL DEFAULT '';
CREATE INDEX licenses_customer ON licenses (customer_id) WHERE customer_id != '';
`
