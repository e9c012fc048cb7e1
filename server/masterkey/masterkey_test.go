package masterkey

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var secret = bytes.Repeat([]byte{0xa7}, Size)

// script writes an executable shell script and returns its path.
func script(t *testing.T, body string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the tests' programs are shell scripts")
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// proves part of S28
func TestCommand(t *testing.T) {
	text := base64.StdEncoding.EncodeToString(secret)
	raw := filepath.Join(t.TempDir(), "raw")
	if err := os.WriteFile(raw, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{
		"base64":    script(t, "echo "+text),
		"bytes":     "cat " + raw,
		"arguments": script(t, `echo "$2$1"`) + " " + text[10:] + "  " + text[:10],
	} {
		key, err := Command{Line: line}.Key(t.Context())
		if err != nil || !bytes.Equal(key, secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Errors contain the program's own error text, and nothing that it printed as a key.
//
// proves part of S28
func TestCommandErrors(t *testing.T) {
	half := base64.StdEncoding.EncodeToString(secret[:16])
	for name, c := range map[string]struct{ line, want string }{
		"fails":          {script(t, "echo the vault is locked >&2; exit 3"), "exit status 3: the vault is locked"},
		"fails quietly":  {script(t, "exit 1"), "exit status 1"},
		"is missing":     {"/nowhere/vault get", "no such file"},
		"too short":      {script(t, "echo "+half), "is not a master key: want 32 bytes, raw or in base64"},
		"endless":        {script(t, "head -c 100000 /dev/zero"), "is not a master key"},
		"nothing":        {script(t, ":"), "is not a master key"},
		"no command":     {" ", "the command is empty"},
		"complains much": {script(t, "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1"), "exit status 1: xxx"},
	} {
		_, err := Command{Line: c.line}.Key(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), half) || len(err.Error()) > 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCommandTimeout(t *testing.T) {
	hangs := script(t, "sleep 600")
	if _, err := (Command{Line: hangs, Timeout: 50 * time.Millisecond}).Key(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "did not print a key within 50ms") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Command{Line: hangs}).Key(ctx); err == nil {
		t.Error("a cancelled start goes on")
	}
}

func TestStaticChecksSize(t *testing.T) {
	if _, err := Static(secret[:31]).Key(t.Context()); err == nil {
		t.Error("31 bytes are a key")
	}
	if key, err := Static(secret).Key(t.Context()); err != nil || !bytes.Equal(key, secret) {
		t.Error(err)
	}
}
