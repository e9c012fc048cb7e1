package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/masterkey"
)

// Commands that open the data beside a server take the master key from the server's settings.
func TestOperatorsCommandsTakeTheMasterKey(t *testing.T) {
	data, key := filepath.Join(t.TempDir(), "data"), make([]byte, masterkey.Size)
	s, err := server.Open(server.Config{Data: data, MasterKey: masterkey.Static(key)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(key)), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, _, errs := run(nil, "organisation", "create-link", "--data", data, "--master-key-file", file); exit != exitRefused ||
		!strings.Contains(errs, "no owner yet") {
		t.Errorf("found: exit %d, %s", exit, errs)
	}
	if exit, out, errs := run(nil, "epoch", "end-freeze", "--data", data, "--master-key-file", file); exit != exitOK ||
		!strings.Contains(out, "there is no freeze") {
		t.Errorf("epoch end-freeze: exit %d, %s%s", exit, out, errs)
	}
}
