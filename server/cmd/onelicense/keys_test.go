package main

import (
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
)

// mustRun runs a command that must succeed, and returns its output.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	exit, out, errs := run(nil, args...)
	if exit != 0 {
		t.Fatalf("%v: exit %d\n%s", args, exit, errs)
	}
	return out
}

// mustRefuse runs a command that must be refused with the code.
func mustRefuse(t *testing.T, code string, args ...string) {
	t.Helper()
	if exit, out, errs := run(nil, args...); exit != exitRefused || !strings.HasPrefix(errs, code+": ") {
		t.Errorf("%v: exit %d, want %s\n%s%s", args, exit, code, out, errs)
	}
}

// The next key signs, what the previous one signed stays valid, and a compromised key invalidates its files: with keys of both versions,
// verified by this program and by the module that programs embed.
//
// proves part of N04
// proves part of L04
func TestKeyFileRotation(t *testing.T) {
	for _, flags := range [][]string{nil, {"--v6"}} {
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		mustRun(t, append([]string{"keygen", "--name", "Example", "--out", dir}, flags...)...)
		issue := func(key, out string) {
			t.Helper()
			mustRun(t, "issue", "--key", at(key), "--id", "5edb1264cc150913cb7640f8", "--contexts", "ui", "--entitlements", "rendering", "--out",
				at(out))
		}
		issue("Example.key.asc", "first.txt")
		// Keys are random, and each command has the same randomness in tests: the next key needs another seed.
		random := rand.NewChaCha8(sha256.Sum256([]byte("next")))
		cmd := root(environment{now: nowFunc, random: random})
		if exit := execute(cmd, []string{"keys", "rotate", "--key", at("Example.key.asc"), "--use", "file", "--retire", "--expires",
			"2026-01-31", "--out", at("second")}); exit != 0 {
			t.Fatal("not rotated")
		}
		issue("second.key.asc", "second.txt")
		for _, wasm := range [][]string{nil, {"--wasm"}} {
			verify := func(file, key string) []string {
				return append([]string{"verify", at(file), "--key", at(key)}, wasm...)
			}
			mustRun(t, verify("second.txt", "second.pub.asc")...)
			mustRefuse(t, "key_unknown", verify("second.txt", "Example.pub.asc")...)
			mustRun(t, verify("first.txt", "Example.pub.asc")...)
		}
		list := mustRun(t, "keys", "list", at("second.key.asc"))
		for _, want := range []string{" root ", "lease", "retired", "2026-02-01", "yes"} {
			if !strings.Contains(list, want) {
				t.Errorf("no %q in\n%s", want, list)
			}
		}
		if list := mustRun(t, "keys", "list", at("second.pub.asc")); strings.Contains(list, " yes\n") {
			t.Errorf("private parts in a certificate:\n%s", list)
		}
		secret := readSecretKeyring(t, at("second.key.asc"))
		mustRun(t, "keys", "revoke", "--key", at("second.key.asc"), "--fingerprint", strings.ToLower(secret.SigningKey(license.UseFile, now)),
			"--reason", "compromised", "--out", at("third"))
		mustRefuse(t, "key_compromised", "verify", at("second.txt"), "--key", at("third.pub.asc"))
		mustRefuse(t, "key_compromised", "verify", at("second.txt"), "--key", at("third.pub.asc"), "--wasm")
		mustRefuse(t, "key_unknown", "keys", "revoke", "--key", at("second.key.asc"), "--fingerprint", "00", "--reason", "retired", "--out",
			at("x"))
		if exit, _, _ := run(nil, "keys", "revoke", "--key", at("second.key.asc"), "--fingerprint", "00", "--reason", "bored", "--out",
			at("x")); exit != exitUsage {
			t.Errorf("an unknown reason: exit %d", exit)
		}
		if exit, _, errs := run(nil, "keys", "rotate", "--key", at("second.key.asc"), "--use", "file", "--out", at("third")); exit == 0 {
			t.Errorf("a private key was overwritten: %s", errs)
		}
	}
}

func readSecretKeyring(t *testing.T, path string) *pgp.SecretKeyring {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := pgp.ParseSecretKeyring(data)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// Files that leave the machine with the root: the signing keys for the server, and a certificate for the key that the server requests.
//
// proves part of N04
func TestOfflineRootKeyFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	mustRun(t, "keygen", "--name", "Example", "--out", dir)
	mustRun(t, "keys", "subkeys", "--key", at("Example.key.asc"), "--out", at("server.key.asc"))
	server := readSecretKeyring(t, at("server.key.asc"))
	if server.HasRootKey() || server.SigningKey(license.UseLease, now) == "" {
		t.Fatal("the root is in the server's file, or its keys are not")
	}
	mustRefuse(t, "key_use", "keys", "rotate", "--key", at("server.key.asc"), "--use", "lease", "--out", at("x"))

	r, err := pgp.NewCertificationRequest(server.Public(), license.UseLease, rand.NewChaCha8([32]byte{}), now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.Armored()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("request.asc"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, "key_use", "keys", "certify", "--key", at("Example.key.asc"), "--request", at("request.asc"), "--use", "file", "--out",
		at("x"))
	if out := mustRun(t, "keys", "certify", "--key", at("Example.key.asc"), "--request", at("request.asc"), "--use", "lease", "--out",
		at("next")); !strings.Contains(
		out,
		r.Key,
	) {
		t.Errorf("certified what? %s", out)
	}
	if list := mustRun(t, "keys", "list", at("next.pub.asc")); !strings.Contains(list, r.Key) {
		t.Errorf("not in the certificate:\n%s", list)
	}
	mustRefuse(t, "keyring_invalid", "keys", "certify", "--key", at("Example.key.asc"), "--request", at("next.pub.asc"), "--use", "lease",
		"--out", at("x"))
}
