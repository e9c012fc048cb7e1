package ops_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/ops"
	"github.com/onelicense/onelicense/server/servertest"
)

// A key from an external source also opens a restored server, and is not written beside its data. During the restore no server can start
// there.
//
// proves part of B12, N04
func TestRestoreWithExternalKeySource(t *testing.T) {
	t.Parallel()
	dir, kept, to := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "kept"), filepath.Join(t.TempDir(), "to")
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: dir, MasterKey: key(1)}))
	w.Owner().Must(201, "POST", "/products", map[string]any{"name": "One"})
	if _, err := ops.Backup(t.Context(), ops.BackupOptions{Data: dir, To: kept, Now: w.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	restore := ops.RestoreOptions{From: kept, Data: to, Now: w.Clock.Now}
	restore.KeySource = key(2)
	if _, _, err := ops.Restore(t.Context(), restore); !strings.Contains(errorText(err), "a different one") {
		t.Errorf("with the wrong key: %v", err)
	}
	restore.KeySource, restore.PreviousKeySource = key(2), key(1) // it is about to be changed
	if _, _, err := ops.Restore(t.Context(), restore); err != nil {
		t.Errorf("with both keys: %v", err)
	}
	to = filepath.Join(t.TempDir(), "to")
	restore.Data, restore.PreviousKeySource = to, nil
	asked := false
	restore.KeySource = openingKeySource{key(1), func() {
		asked = true
		if _, err := server.Open(server.Config{Data: to, MasterKey: key(1)}); !strings.Contains(errorText(err), "in use by another process") {
			t.Errorf("a server in the middle of a restore: %v", err)
		}
	}}
	if _, _, err := ops.Restore(t.Context(), restore); err != nil || !asked {
		t.Fatalf("%v, asked: %t", err, asked)
	}
	if found, _ := filepath.Glob(filepath.Join(to, data.MasterKeyFile+"*")); found != nil {
		t.Errorf("keys in the data directory: %v", found)
	}
	again := servertest.Start(t, servertest.WithConfig(server.Config{Data: to, MasterKey: key(1)}))
	if n := len(again.Login("owner@acme.test").Must(200, "GET", "/products", nil)["items"].([]any)); n != 1 {
		t.Errorf("%d products", n)
	}
}

// key returns a master key that is kept apart from the data.
func key(n byte) masterkey.Source { return masterkey.Static(bytes.Repeat([]byte{n}, masterkey.Size)) }

// openingKeySource calls a function before it returns the key.
type openingKeySource struct {
	masterkey.Source
	before func()
}

func (s openingKeySource) Key(ctx context.Context) ([]byte, error) {
	s.before()
	return s.Source.Key(ctx)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
