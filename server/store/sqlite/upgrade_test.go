package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
)

// firstSchema is the number of migrations before those that this test upgrades through.
const firstSchema = 4

// TestUpgradeFromFirstSchema opens data written by a program with the first schema, and continues with it.
func TestUpgradeFromFirstSchema(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(directory, File))
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(db, migrations[:firstSchema]); err != nil {
		t.Fatal(err)
	}
	key := licensing.ActivationKey{License: crashLicense, Activation: lease.HashOf([]byte("a"))}
	head := lease.Position{Generation: 2, Number: 9, Link: lease.HashOf([]byte("link"))}
	for _, row := range []struct {
		query string
		args  []any
	}{
		{`INSERT INTO organisations VALUES (?, 'Example', 1)`, []any{crashOrg}},
		{`INSERT INTO products VALUES (NULL, ?, ?, 3, 1, 2, '{"a":"b"}', 'CAD', 'cad', 'draws', 0, x'01', x'02')`, []any{crashProduct, crashOrg}},
		{`INSERT INTO versions VALUES (NULL, ?, ?, ?, 1, 1, 1, 'null', '1.0', '1.0', '', 0, ?)`, []any{crashVersion, crashOrg, crashProduct,
			`{"type":"by_time","trigger":"interval","interval":7,"max_retries":1,"grace":2,"activation_delay":3,"clock_tolerance":4,` +
				`"journal_every":5,"activation_limit":6,"max_machines":8}`}},
		{`INSERT INTO licenses VALUES (NULL, ?, ?, ?, ?, 1, 1, 1, 'null', 'first', 'first', '', 'ui', 'modeling:1', 20, 0, 'active',
			'{"grace":9}')`,
			[]any{crashLicense, crashOrg, crashProduct, crashVersion}},
		{`INSERT INTO meters VALUES (?, 12, 2, 5, 1)`, []any{crashLicense}},
		{`INSERT INTO activations VALUES (NULL, ?, ?, ?, 'device', ?, ?, ?, 'request', x'61', 12, 1, 2, 0, 1, 5)`,
			[]any{key.License, key.Activation, crashOrg, head.Generation, head.Number, head.Link}},
		{`INSERT INTO pools VALUES (?, 'modeling', 1)`, []any{crashLicense}},
		{`INSERT INTO reservations VALUES (?, ?, 'modeling', 'ui', 1, 50)`, []any{key.License, key.Activation}},
		{`INSERT INTO epoch VALUES (1, 1700000000)`, nil},
	} {
		if _, err := db.Exec(row.query, row.args...); err != nil {
			t.Fatal(row.query, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	s, ctx := openStore(t, directory), t.Context()
	if e, err := s.Epoch(ctx, 1); err != nil || e != (licensing.Epoch{Value: 1700000000}) {
		t.Errorf("%+v %v", e, err)
	}
	if e, err := s.RaiseEpoch(ctx, 1700000000, 30); err != nil || e.Since != 30 {
		t.Errorf("%+v %v", e, err)
	}
	terms, err := s.LicenseContext(ctx, crashLicense)
	if err != nil {
		t.Fatal(err)
	}
	if terms.Product.Statement != nil || terms.Product.Metadata["a"] != "b" || terms.Version.Policy.MaxMachines != 8 ||
		terms.Version.Policy.Prepaid != 0 ||
		*terms.License.Overrides.Grace != 9 || terms.License.Overrides.Prepaid != nil {
		t.Errorf("%+v", terms)
	}
	terms.Product.Statement = []byte("a statement")
	if _, err := s.UpdateProduct(ctx, terms.Product); err != nil {
		t.Fatal(err)
	}
	if p, err := s.ProductWithKeys(ctx, crashProduct); err != nil || string(p.Statement) != "a statement" || p.Revision != 4 {
		t.Errorf("%+v %v", p, err)
	}
	held, err := s.Activation(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if held.Head != head || held.Counted != 12 || held.Charged != 12 || held.ReactivationCount != 1 || held.Reactivations.Evidence != nil ||
		held.LastReport.Address != "" {
		t.Errorf("%+v", held)
	}
	var out licensing.Outcome
	if _, err := s.Advance(ctx, licensing.Advance{
		Key: key, Org: crashOrg, From: head, To: lease.Position{Generation: 2, Number: 10}, Revision: 1, Now: 40, Until: 60,
		UsageCharge: licensing.UsageCharge{Counted: 13, Allowance: 20, Block: 4}, LastReport: licensing.LastReport{Address: "192.0.2.7"},
		Lease: func(o licensing.Outcome) (lease.Document, error) { out = o; return lease.Document("another"), nil },
	}); err != nil {
		t.Fatal(err)
	}
	if out.Used != 17 || out.Counted != 13 || out.Charged != 17 || len(out.Reservations) != 1 || out.Reservations[0].Until != 60 {
		t.Errorf("%+v", out)
	}
}
