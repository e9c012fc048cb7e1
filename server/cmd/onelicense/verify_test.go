package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license/pgp"
)

// The command judges with the same code as the server; --wasm asks the module that programs embed. They must never differ.
//
// proves L03 L04 N01
func TestModuleAndCommandAgreeOnEveryVector(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "spec", "vectors", "license")
	text, err := os.ReadFile(filepath.Join(dir, "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, File, Keyring, Code string
		Now                       time.Time
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 45 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	today := now
	defer func() { now = today }()
	for _, v := range vectors {
		now = v.Now
		args := []string{"verify", filepath.Join(dir, v.File), "--key", filepath.Join(dir, v.Keyring), "--json"}
		exit, native, errs := run(nil, args...)
		exitModule, module, errsModule := run(nil, append(args, "--wasm")...)
		var r report
		if err := json.Unmarshal([]byte(module), &r); err != nil || string(r.Code) != v.Code {
			t.Errorf("%s: the module says %s, want %s", v.Name, r.Code, v.Code)
		}
		if exit != exitModule || native != module || errs != errsModule {
			t.Errorf("%s: native\n%d %s%s\nmodule\n%d %s%s", v.Name, exit, native, errs, exitModule, module, errsModule)
		}
	}
}

func TestModuleTakesABinaryKeyringToo(t *testing.T) {
	dir := vendor(t)
	armored, err := os.ReadFile(filepath.Join(dir, "Example-GmbH.pub.asc"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := pgp.Parse(armored)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "keys.pgp")
	if err := os.WriteFile(binary, keys.Certificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, _, errs := run(nil, "verify", filepath.Join(dir, "license.txt"), "--key", binary, "--wasm"); exit != 0 {
		t.Error(errs)
	}
}
