package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server/audit"
)

// A vendor verifies the log on the server and from its export, compares it with a head that was stored elsewhere, and finds a line that was
// changed.
//
// proves N10
func TestAuditVerify(t *testing.T) {
	s := openShop(t)
	var noted audit.ChainHead
	s.read(&noted, "audit", "head")
	if noted.Number < 3 {
		t.Fatalf("%+v", noted)
	}
	kept := filepath.Join(t.TempDir(), "head.json")
	text, err := json.Marshal(noted)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.must("products", "update", s.product, "--description", "draws")

	var online, offline audit.ChainHead
	s.read(&online, "audit", "verify", "--head", kept)
	if online.Chain != noted.Chain || online.Number <= noted.Number {
		t.Errorf("%+v, noted was %+v", online, noted)
	}
	export := filepath.Join(t.TempDir(), "audit.ndjson")
	s.must("audit", "export", "--out", export)
	s.read(&offline, "audit", "verify", export, "--head", kept, "--head",
		online.Chain+":"+strconv.FormatInt(online.Number, 10)+":"+string(online.Hash))
	if offline != online {
		t.Errorf("the server's chain ends with %+v, the export with %+v", online, offline)
	}
	s.must("audit", "verify", "--chain", "server")

	lines, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	cut := lines[:strings.LastIndex(strings.TrimSuffix(string(lines), "\n"), "\n")+1]
	for name, c := range map[string]struct {
		text, says string
		heads      []string
		exit       int
	}{
		"a line changed": {strings.Replace(string(lines), `"CAD"`, `"CAM"`, 1), "was changed", nil, exitRefused},
		"a line cut off": {string(cut), "lines are missing", []string{online.Chain + ":" + strconv.FormatInt(online.Number, 10) + ":" +
			string(online.Hash)}, exitRefused},
		"no log":          {"hello\n", "line 1", nil, exitRefused},
		"another chain's": {string(lines), "is of", []string{"server:1:" + string(online.Hash)}, exitUsage},
		"no head":         {string(lines), "--head", []string{"nonsense"}, exitUsage},
		"half a head":     {string(lines), "--head", []string{"server:1:00"}, exitUsage},
	} {
		args := []string{"audit", "verify", "-"}
		for _, head := range c.heads {
			args = append(args, "--head", head)
		}
		exit, out, errs := run(strings.NewReader(c.text), args...)
		if exit != c.exit || out != "" || !strings.Contains(errs, c.says) || (exit == exitRefused) != strings.Contains(errs, "what to do") {
			t.Errorf("%s: exit %d, %s%s", name, exit, out, errs)
		}
	}
	if exit, out, errs := run(strings.NewReader(string(cut)), "audit", "verify", "-"); exit != exitOK ||
		!strings.HasPrefix(out, "unbroken") {
		t.Errorf("without a head the end cannot be missed: exit %d, %s%s", exit, out, errs)
	}
	if exit, _, _ := run(nil, "audit", "verify", "/nowhere"); exit != exitUsage {
		t.Errorf("no such file: exit %d", exit)
	}
	s.server.stop(t)
}
