package sqlite

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/onelicense/onelicense/server/licensing"
)

func TestMigrationOfLimits(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE versions (policy TEXT); CREATE TABLE licenses (overrides TEXT)`); err != nil {
		t.Fatal(err)
	}
	none, two := licensing.Limit(licensing.Unlimited), licensing.Limit(2)
	for before, want := range map[string][2]licensing.Limit{
		`{"activation_limit":0,"max_machines":0,"move_limit":0,"fingerprint_action":""}`: {none, none},
		`{"activation_limit":0}`: {none, none},
		`{"activation_limit":0,"max_machines":2,"move_limit":2,"clone_action":"suspend","clone_limit":3}`: {two, two},
	} {
		if _, err := db.Exec(`DELETE FROM versions; INSERT INTO versions VALUES (?)`, before); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(limitsSchema); err != nil {
			t.Fatal(err)
		}
		var text string
		var p licensing.Policy
		if err := db.QueryRow(`SELECT policy FROM versions`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if p.MaxMachines != want[0] || p.TransferLimit != want[1] || p.ActivationLimit != 0 ||
			p.FingerprintAction != licensing.FingerprintReport ||
			p.CloneAction == "" || p.CloneLimit == 0 {
			t.Errorf("%s became %s", before, text)
		}
	}
	for before, want := range map[string]string{`{"max_machines":0,"grace":0}`: `{"max_machines":-1,"grace":0}`,
		`{"grace":5}`: `{"grace":5}`} {
		var text string
		if _, err := db.Exec(`DELETE FROM licenses; INSERT INTO licenses VALUES (?)`, before); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(limitsSchema); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow(`SELECT overrides FROM licenses`).Scan(&text); err != nil || text != want {
			t.Errorf("%s became %s, want %s: %v", before, text, want, err)
		}
	}
}
