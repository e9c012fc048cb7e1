package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/ops"
)

// The exit code tells whether there is a problem; the findings describe it, for people and for programs.
func TestDoctor(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s, err := server.Open(server.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	exit, out, errs := run(nil, "doctor", "--data", data, "--offline", "--json")
	var findings []ops.Finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil || exit != exitOK || errs != "" || len(findings) < 8 {
		t.Errorf("exit %d, %v: %s%s", exit, err, out, errs)
	}
	if exit, out, _ := run(nil, "doctor", "--data", data, "--listen", "127.0.0.1:1"); exit != exitRefused ||
		!strings.Contains(out, "bad      server") {
		t.Errorf("nobody answers: exit %d\n%s", exit, out)
	}
	if exit, out, _ := run(nil, "doctor", "--data", data, "--listen", "nowhere"); exit != exitRefused ||
		!strings.Contains(out, "bad      settings") {
		t.Errorf("a bad setting: exit %d\n%s", exit, out)
	}
	if err := os.Remove(filepath.Join(data, "master.key")); err != nil {
		t.Fatal(err)
	}
	exit, out, errs = run(nil, "doctor", "--data", data, "--offline")
	if exit != exitRefused || !strings.Contains(out, "restore master.key from your separate copy") || !strings.Contains(errs, "1 of ") {
		t.Errorf("without the key: exit %d\n%s%s", exit, out, errs)
	}
	if exit, _, _ := run(nil, "doctor", "--data", data, "--patient", "x"); exit != exitUsage {
		t.Errorf("a flag that is none: exit %d", exit)
	}
}
