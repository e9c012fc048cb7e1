package server

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/services"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/ops"
)

// testKeySource is where a master key is kept.
type testKeySource struct {
	key  byte
	gone error
}

func (v testKeySource) Key(context.Context) ([]byte, error) {
	return bytes.Repeat([]byte{v.key}, masterkey.Size), v.gone
}

// A key from elsewhere leaves no key in the data directory. The next one takes its place while both are at hand; after that the old one
// opens nothing, and a server that is given it does not start.
//
// proves part of N04
func TestMasterKeyRotation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	w := startServerWith(t, Config{Data: dir, MasterKey: testKeySource{key: 1}})
	p := w.owner()
	product, _, id := p.createLicense("perpetual", licenseBody("One"))
	root := w.certificate(product).Root()
	second := p.must(201, "POST", "/products", map[string]any{"name": "Two"})
	if found, _ := filepath.Glob(filepath.Join(dir, data.MasterKeyFile+"*")); found != nil {
		t.Errorf("keys in the data directory: %v", found)
	}
	again := func(c Config) *testServer {
		t.Helper()
		stop(t, w)
		c.Data = dir
		w = startServerWith(t, c)
		p = w.login("owner@acme.test")
		return w
	}
	signs := func() {
		t.Helper()
		file := p.do("GET", "/licenses/"+id+"/file", nil)
		if _, err := license.Open(file.body, w.certificate(product), w.clock.now()); err != nil || w.certificate(product).Root() != root {
			t.Errorf("%v: %s", err, file.body)
		}
	}
	// First every node opens with both, then one after the other seals with the new one.
	again(Config{MasterKey: testKeySource{key: 1}, PreviousMasterKey: testKeySource{key: 2}})
	signs()
	again(Config{MasterKey: testKeySource{key: 2}, PreviousMasterKey: testKeySource{key: 1}})
	signs()
	if !strings.Contains(w.log.String(), "encrypted keys with the current master key") {
		t.Error("nothing was sealed anew")
	}
	again(Config{MasterKey: testKeySource{key: 2}})
	signs()
	p.keyring(201, "POST", "/products/"+second["id"].(string)+"/keyring", map[string]any{"use": "file"})
	stop(t, w)

	for name, c := range map[string]struct {
		config Config
		about  string
		want   string
	}{
		"the old key":          {Config{MasterKey: testKeySource{key: 1}}, "master-key", "does not open: the master key is another one"},
		"a key of its own":     {Config{}, "", "master.key is missing"},
		"a vault out of reach": {Config{MasterKey: testKeySource{gone: errors.New("no route to the vault")}}, "master-key", "no route to the vault"},
		"another, too":         {Config{MasterKey: testKeySource{key: 2}, PreviousMasterKey: testKeySource{gone: errors.New("no route")}}, "previous-master-key", "no route"},
	} {
		c.config.Data = dir
		_, err := Open(c.config)
		var about *config.SettingError
		if !strings.Contains(errorText(err), c.want) || errors.As(err, &about) && about.Setting != c.about {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func stop(t *testing.T, w *testServer) {
	t.Helper()
	if err := w.s.Close(); err != nil {
		t.Error(err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Sealing anew stops in the middle and goes on; what was done is done, and nothing is lost.
func TestMasterKeyRotationResumes(t *testing.T) {
	w := startServerWith(t, Config{Data: filepath.Join(t.TempDir(), "data"), MasterKey: testKeySource{key: 1}})
	p := w.owner()
	var products []license.ID
	for _, name := range []string{"One", "Two", "Three"} {
		products = append(products, license.ID(id(p.must(201, "POST", "/products", map[string]any{"name": name}))))
	}
	key := func(n byte) []byte { return bytes.Repeat([]byte{n}, masterkey.Size) }
	both, err := issuer.New(key(2), nil, key(1))
	if err != nil {
		t.Fatal(err)
	}
	alone, err := issuer.New(key(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	tired := &failingUpdateStore{Store: w.s.data.Store, strength: 1}
	domain := services.New(tired, both, services.Options{Clock: w.clock.now, Secret: key(3)})
	r, err := domain.Keys.ReencryptKeys(t.Context(), w.s.data.Store.EachProduct)
	if !errors.Is(err, licensing.ErrUnavailable) || r.Reencrypted != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	tired.strength = 100
	if r, err = domain.Keys.ReencryptKeys(t.Context(), w.s.data.Store.EachProduct); err != nil || r.Reencrypted != 2 || r.Products != 3 || r.Unreadable != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = domain.Keys.ReencryptKeys(t.Context(), w.s.data.Store.EachProduct); err != nil || r.Reencrypted != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, id := range products {
		p, err := w.s.data.Store.ProductWithKeys(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alone.Signer(id, p.SealedKeys); err != nil {
			t.Error(err)
		}
	}
	// One record that was damaged keeps no other from being opened.
	damaged, err := w.s.data.Store.ProductWithKeys(t.Context(), products[0])
	if err != nil {
		t.Fatal(err)
	}
	damaged.SealedKeys = slices.Clone(damaged.SealedKeys)
	damaged.SealedKeys[20] ^= 1
	if _, err := w.s.data.Store.UpdateProduct(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	if r, err = domain.Keys.ReencryptKeys(t.Context(), w.s.data.Store.EachProduct); err != nil || len(r.Unreadable) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// failingUpdateStore fails after some changes of products.
type failingUpdateStore struct {
	licensing.Store
	strength int
}

func (s *failingUpdateStore) UpdateProduct(ctx context.Context, p licensing.Product) (licensing.Product, error) {
	if s.strength--; s.strength < 0 {
		return p, licensing.ErrUnavailable
	}
	return s.Store.UpdateProduct(ctx, p)
}

// A key that is kept elsewhere opens a restored server too, and is not put beside its data. While that is made, nobody else may begin there.
//
// proves part of B12, N04
func TestRestoreWithExternalKeySource(t *testing.T) {
	dir, kept, to := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "kept"), filepath.Join(t.TempDir(), "to")
	w := startServerWith(t, Config{Data: dir, MasterKey: testKeySource{key: 1}})
	w.owner().must(201, "POST", "/products", map[string]any{"name": "One"})
	if _, err := ops.Backup(t.Context(), ops.BackupOptions{Data: dir, To: kept, Now: w.clock.now}); err != nil {
		t.Fatal(err)
	}
	restore := ops.RestoreOptions{From: kept, Data: to, Now: w.clock.now}
	restore.KeySource = testKeySource{key: 2}
	if _, _, err := ops.Restore(t.Context(), restore); !strings.Contains(errorText(err), "another one") {
		t.Errorf("with the wrong key: %v", err)
	}
	restore.KeySource, restore.PreviousKeySource = testKeySource{key: 2}, testKeySource{key: 1} // it is about to be changed
	if _, _, err := ops.Restore(t.Context(), restore); err != nil {
		t.Errorf("with both keys: %v", err)
	}
	to = filepath.Join(t.TempDir(), "to")
	restore.Data, restore.PreviousKeySource = to, nil
	asked := false
	restore.KeySource = openingKeySource{testKeySource{key: 1}, func() {
		asked = true
		if _, err := Open(Config{Data: to, MasterKey: testKeySource{key: 1}}); !strings.Contains(errorText(err), "in use by another process") {
			t.Errorf("a server in the middle of a restore: %v", err)
		}
	}}
	if _, _, err := ops.Restore(t.Context(), restore); err != nil || !asked {
		t.Fatalf("%v, asked: %t", err, asked)
	}
	if found, _ := filepath.Glob(filepath.Join(to, data.MasterKeyFile+"*")); found != nil {
		t.Errorf("keys in the data directory: %v", found)
	}
	again := startServerWith(t, Config{Data: to, MasterKey: testKeySource{key: 1}})
	if n := again.login("owner@acme.test").count("/products"); n != 1 {
		t.Errorf("%d products", n)
	}
}

// openingKeySource is a vault that something else comes before.
type openingKeySource struct {
	testKeySource
	what func()
}

func (e openingKeySource) Key(ctx context.Context) ([]byte, error) {
	e.what()
	return e.testKeySource.Key(ctx)
}
