package sqlite

// Release dates of versions, customers and maintenance of licenses, and in `more` the rest of a license's term and history: a structure
// that is empty for most.
const renewalSchema = `
ALTER TABLE versions ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
ALTER TABLE licenses ADD COLUMN customer_id TEXT NOT NULL DEFAULT '';
ALTER TABLE licenses ADD COLUMN maintenance INTEGER NOT NULL DEFAULT 0;
ALTER TABLE licenses ADD COLUMN more TEXT NOT NULL DEFAULT '';
CREATE INDEX licenses_customer ON licenses (customer_id) WHERE customer_id != '';
`
