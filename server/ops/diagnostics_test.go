package ops_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/ops"
	"github.com/onelicense/onelicense/server/servertest"
	"github.com/onelicense/onelicense/server/store/sqlite"
)

// diagnose returns the findings by code, the first of each code.
func diagnose(t *testing.T, c ops.DiagnoseOptions) map[string]ops.Finding {
	t.Helper()
	found := map[string]ops.Finding{}
	for _, f := range ops.Diagnose(t.Context(), c) {
		if f.Detail == "" || (f.Level == ops.Good) != (f.Remedy == "") {
			t.Errorf("%+v", f)
		}
		if _, ok := found[f.Code]; !ok {
			found[f.Code] = f
		}
	}
	return found
}

// A healthy server has only good findings, also while it runs.
//
// proves part of B12
func TestDiagnoseHealthyServer(t *testing.T) {
	t.Parallel()
	w := servertest.Start(t)
	w.Owner().Must(http.StatusCreated, "POST", "/products", map[string]string{"name": "CAD"})
	if err := w.RunJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := diagnose(t, ops.DiagnoseOptions{Data: w.Dir, URL: w.URL, Now: w.Clock.Now})
	for code, f := range found {
		if f.Level != ops.Good && code != "server_clock" { // the test's clock is not that of HTTP
			t.Errorf("%+v", f)
		}
	}
	for _, code := range []string{"data_directory", "master_key", "database", "schema", "product_keys", "background_jobs", "clock", "audit",
		"server"} {
		if _, ok := found[code]; !ok {
			t.Errorf("no finding for %s", code)
		}
	}
	if f := found["product_keys"]; !strings.Contains(f.Detail, "all 1 product") {
		t.Errorf("%+v", f)
	}
	if f := found["audit"]; strings.HasPrefix(f.Detail, "verified 0") {
		t.Errorf("%+v", f)
	}
}

// Each fault is found, and the checks change nothing.
func TestDiagnoseFindsFaults(t *testing.T) {
	t.Parallel()
	execute := func(query string, args ...any) func(*testing.T, *ops.DiagnoseOptions) {
		return func(t *testing.T, c *ops.DiagnoseOptions) {
			db, err := sql.Open("sqlite", filepath.Join(c.Data, sqlite.File))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(query, args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := func(name string, change func([]byte) []byte) func(*testing.T, *ops.DiagnoseOptions) {
		return func(t *testing.T, c *ops.DiagnoseOptions) {
			path := filepath.Join(c.Data, name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*testing.T, *ops.DiagnoseOptions)
		code  string
		level ops.Level
		says  string
	}{
		"no directory": {func(_ *testing.T, c *ops.DiagnoseOptions) { c.Data += "/nowhere" }, "data_directory", ops.Bad, "nowhere"},
		"a file": {func(_ *testing.T, c *ops.DiagnoseOptions) { c.Data += "/" + sqlite.File }, "data_directory", ops.Bad,
			"is not a directory"},
		"no key": {func(t *testing.T, c *ops.DiagnoseOptions) { remove(t, c.Data, data.MasterKeyFile) }, "master_key", ops.Bad,
			"master.key"},
		"half a key": {file(data.MasterKeyFile, func(b []byte) []byte { return b[:16] }), "master_key", ops.Bad, "16"},
		"another key": {file(data.MasterKeyFile, func(b []byte) []byte { _, _ = rand.Read(b); return b }), "product_keys", ops.Bad,
			"a different one"},
		"no database": {func(t *testing.T, c *ops.DiagnoseOptions) { remove(t, c.Data, sqlite.File) }, "database", ops.Bad,
			"no database in"},
		"no database file": {file(sqlite.File, func([]byte) []byte { return bytes.Repeat([]byte("x"), 8192) }), "database", ops.Bad, "database"},
		"of tomorrow":      {execute(`PRAGMA user_version = 1000`), "schema", ops.Bad, "1000"},
		"of yesterday":     {execute(`PRAGMA user_version = 1`), "schema", ops.Warning, "schema version 1"},
		"nobody tidies": {execute(`INSERT INTO entries (kind, id, org, list, search, folded, revision, created, due, until, body)
			VALUES ('x', 'x', 'x', '', '', '', 1, 1, 0, 1, x'')`), "background_jobs", ops.Warning, "overdue records: 1"},
		"a clock set back": {func(_ *testing.T, c *ops.DiagnoseOptions) {
			c.Now = func() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }
		},
			"clock", ops.Bad, "2020"},
		"a line changed": {execute(`UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'Ada', 'Eve') AS BLOB)
			WHERE kind = 'audit' AND seq = (SELECT min(seq) FROM entries WHERE kind = 'audit' AND org != '')`), "audit", ops.Bad, "was changed"},
		"a line removed": {execute(`DELETE FROM entries
			WHERE kind = 'audit' AND seq = (SELECT min(seq) FROM entries WHERE kind = 'audit' AND org != '')`), "audit", ops.Bad, ""},
		"nobody answers":  {func(_ *testing.T, c *ops.DiagnoseOptions) { c.URL = "http://127.0.0.1:1" }, "server", ops.Bad, "127.0.0.1:1"},
		"no address":      {func(_ *testing.T, c *ops.DiagnoseOptions) { c.URL = "http://[" }, "server", ops.Bad, ""},
		"others may look": {func(t *testing.T, c *ops.DiagnoseOptions) { open0755(t, c.Data) }, "data_directory", ops.Warning, "0755"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "others may look" && runtime.GOOS == "windows" {
				t.Skip("there are no such bits")
			}
			w := servertest.Start(t)
			owner := w.Owner()
			owner.Must(http.StatusCreated, "POST", "/products", map[string]string{"name": "CAD"})
			owner.Must(http.StatusCreated, "POST", "/products", map[string]string{"name": "CAM"})
			if err := errors.Join(w.Store.Ready(t.Context()), w.Close()); err != nil {
				t.Fatal(err)
			}
			config := ops.DiagnoseOptions{Data: w.Dir, Now: w.Clock.Now}
			c.spoil(t, &config)
			if f := diagnose(t, config)[c.code]; f.Level != c.level || !strings.Contains(f.Detail, c.says) {
				t.Errorf("%+v, want %s and %q", f, c.level, c.says)
			}
			for code := range diagnose(t, config) {
				if !strings.Contains(string(page), "| `"+code+"` |") {
					t.Errorf("docs/cli.md does not explain %s", code)
				}
			}
		})
	}
}

func remove(t *testing.T, directory, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(directory, name)); err != nil {
		t.Fatal(err)
	}
}

func open0755(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}
