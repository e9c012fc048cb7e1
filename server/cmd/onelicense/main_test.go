package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)

func nowFunc() time.Time { return now }

// run executes a command line as main does.
func run(in io.Reader, args ...string) (exit int, out, errs string) {
	return runAt(nowFunc, in, args...)
}

func runAt(now func() time.Time, in io.Reader, args ...string) (exit int, out, errs string) {
	cmd := root(environment{now: now, random: rand.NewChaCha8(sha256.Sum256([]byte("cmd")))})
	var stdout, stderr bytes.Buffer
	cmd.SetIn(in)
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	exit = execute(cmd, args)
	return exit, stdout.String(), stderr.String()
}

// newVendor creates keys and one license in a directory.
func newVendor(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if exit, _, errs := run(nil, "keygen", "--name", "Example GmbH", "--out", dir); exit != 0 {
		t.Fatal(errs)
	}
	exit, _, errs := run(nil, "issue", "--key", filepath.Join(dir, "Example-GmbH.key.asc"), "--id", "5edb1264cc150913cb7640f8",
		"--contexts", "ui,automation", "--entitlements", "solid_modeling:5,rendering", "--out", filepath.Join(dir, "license.txt"))
	if exit != 0 {
		t.Fatal(errs)
	}
	return dir
}

// From an empty directory to a verdict.
//
// proves L03 L04 B11
func TestKeygenIssueVerify(t *testing.T) {
	dir := newVendor(t)
	public := filepath.Join(dir, "Example-GmbH.pub.asc")
	if runtime.GOOS != "windows" {
		for name, mode := range map[string]os.FileMode{"Example-GmbH.key.asc": 0o600, "Example-GmbH.pub.asc": 0o644} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm()&^mode != 0 {
				t.Errorf("%s: %v %v", name, info.Mode(), err)
			}
		}
	}
	exit, out, errs := run(nil, "verify", filepath.Join(dir, "license.txt"), "--key", public)
	if exit != 0 || errs != "" || !strings.Contains(out, "genuine") || !strings.Contains(out, "solid_modeling (5 at once)") {
		t.Errorf("exit %d\n%s%s", exit, out, errs)
	}
	file, err := os.ReadFile(filepath.Join(dir, "license.txt"))
	if err != nil {
		t.Fatal(err)
	}
	exit, out, _ = run(bytes.NewReader(file), "verify", "-", "--key", public, "--json")
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil || exit != 0 || r.Code != "ok" || r.License == nil ||
		r.License.Entitlements[0].Slots != 5 {
		t.Errorf("exit %d, %v\n%s", exit, err, out)
	}
}

// Every invalid file gets its code, on standard error and in JSON.
//
// proves L04 L22 B11
func TestVerifyRefuses(t *testing.T) {
	dir := newVendor(t)
	public := filepath.Join(dir, "Example-GmbH.pub.asc")
	file, err := os.ReadFile(filepath.Join(dir, "license.txt"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := write("huge.txt", nil)
	if err := os.Truncate(huge, 100<<20); err != nil { // sparse: nothing is written, and nothing must be read
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, key, code string
		in                    io.Reader
	}{
		{"changed", write("changed.txt", bytes.Replace(file, []byte(":5"), []byte(":9"), 1)), public, "signature_invalid", nil},
		{"changed_on_stdin", "-", public, "signature_invalid", bytes.NewReader(bytes.Replace(file, []byte("ui"), []byte("uj"), 1))},
		{"missing", filepath.Join(dir, "nowhere.txt"), public, "file_unreadable", nil},
		{"directory", dir, public, "file_unreadable", nil},
		{"vanishing", "-", public, "file_unreadable", failingWriter{}},
		{"endless", "-", public, "file_too_large", rand.NewChaCha8([32]byte{})},
		{"huge", huge, public, "file_too_large", nil},
		{"empty", write("empty.txt", nil), public, "file_lines", nil},
		{"private_key_as_keyring", filepath.Join(dir, "license.txt"), filepath.Join(dir, "Example-GmbH.key.asc"), "keyring_invalid", nil},
		{"license_as_keyring", filepath.Join(dir, "license.txt"), filepath.Join(dir, "license.txt"), "keyring_invalid", nil},
		{"keyring_as_license", public, public, "file_byte", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, out, errs := run(c.in, "verify", c.path, "--key", c.key, "--json")
			if exit != exitRefused || !strings.HasPrefix(errs, c.code+": ") || !strings.Contains(errs, "what to do: ") {
				t.Errorf("exit %d, want %s: %s", exit, c.code, errs)
			}
			var r report
			if err := json.Unmarshal([]byte(out), &r); err != nil || string(r.Code) != c.code || r.Class != "file" || r.AllowContinue ||
				r.License != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// failingWriter fails like a file on a disk that was removed.
type failingWriter struct{}

func (failingWriter) Read([]byte) (int, error) { return 0, os.ErrClosed }

func TestUsage(t *testing.T) {
	dir := newVendor(t)
	public := filepath.Join(dir, "Example-GmbH.pub.asc")
	for _, args := range [][]string{
		{"verify"},
		{"verify", "a", "b", "--key", public},
		{"verify", "a"},
		{"verify", "a", "--key", filepath.Join(dir, "nowhere.asc")},
		{"verify", "a", "--key", public, "--nonsense"},
		{"verify", filepath.Join(dir, "license.txt"), "--key", public, "--list", filepath.Join(dir, "nowhere.list")},
		{"verify", "-", "--key", public, "--list", "-"},
		{"keygen", "--out", dir},
		{"keygen", "--name", "!!", "--out", dir},
		{"issue", "--key", public},
		{"nonsense"},
	} {
		if exit, out, errs := run(strings.NewReader(""), args...); exit != exitUsage || errs == "" || out != "" {
			t.Errorf("%v: exit %d\n%s%s", args, exit, out, errs)
		}
	}
}

func TestIssueRefuses(t *testing.T) {
	dir := newVendor(t)
	key := filepath.Join(dir, "Example-GmbH.key.asc")
	for code, args := range map[string][]string{
		"file_id":           {"--key", key, "--id", "5EDB", "--contexts", "ui", "--entitlements", "a"},
		"file_contexts":     {"--key", key, "--id", "5edb1264cc150913cb7640f8", "--contexts", "ui,", "--entitlements", "a"},
		"file_entitlements": {"--key", key, "--id", "5edb1264cc150913cb7640f8", "--contexts", "ui", "--entitlements", "a:0"},
		"file_lines":        {"--key", key, "--id", "5edb1264cc150913cb7640f8", "--contexts", "ui\nbatch", "--entitlements", "a"},
		"file_too_many_items": {"--key", key, "--id", "5edb1264cc150913cb7640f8", "--contexts", strings.Repeat("a,", 64) + "a", "--entitlements",
			"a"},
		"keyring_invalid": {"--key", filepath.Join(dir, "Example-GmbH.pub.asc"), "--id", "5edb1264cc150913cb7640f8", "--contexts", "ui",
			"--entitlements", "a"},
	} {
		exit, out, errs := run(nil, append([]string{"issue"}, args...)...)
		if exit != exitRefused || !strings.HasPrefix(errs, code+": ") || out != "" {
			t.Errorf("exit %d, want %s\n%s%s", exit, code, out, errs)
		}
	}
}

// An existing key file is never changed.
func TestKeygenNeverOverwrites(t *testing.T) {
	dir := newVendor(t)
	key := filepath.Join(dir, "Example-GmbH.key.asc")
	before, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if exit, _, errs := run(nil, "keygen", "--name", "Example GmbH", "--out", dir); exit != exitRefused || errs == "" {
		t.Errorf("exit %d: %s", exit, errs)
	}
	if after, err := os.ReadFile(key); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the key changed: %v", err)
	}
	// Only the certificate exists: no private key is written without it.
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if exit, _, _ := run(nil, "keygen", "--name", "Example GmbH", "--out", dir); exit != exitRefused {
		t.Errorf("exit %d", exit)
	}
	if _, err := os.Stat(key); !os.IsNotExist(err) {
		t.Errorf("a private key was left behind: %v", err)
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		exit, out, _ := run(nil, args...)
		if exit != 0 || !strings.HasPrefix(out, "onelicense ") || !strings.Contains(out, runtime.Version()) {
			t.Errorf("exit %d: %s", exit, out)
		}
	}
}

// A failure to write the output makes every command fail.
func TestOutputWriteFailure(t *testing.T) {
	_, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, args := range [][]string{{"version"}, {"--help"}, {"completion", "zsh"}, {"license", "explain", "revoked"}} {
		out := &checkedWriter{File: w}
		cmd := root(environment{now: nowFunc})
		cmd.SetOut(out)
		cmd.SetErr(io.Discard)
		if exit := out.exitCode(execute(cmd, args), io.Discard); exit == exitOK {
			t.Errorf("%v: exit %d", args, exit)
		}
	}
}
