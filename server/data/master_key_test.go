package data_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server"
	"github.com/onelicense/onelicense/server/config"
	"github.com/onelicense/onelicense/server/data"
	"github.com/onelicense/onelicense/server/issuer"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/services"
	"github.com/onelicense/onelicense/server/masterkey"
	"github.com/onelicense/onelicense/server/servertest"
)

// testKeySource returns a key of equal bytes, or an error.
type testKeySource struct {
	key  byte
	gone error
}

func (v testKeySource) Key(context.Context) ([]byte, error) {
	return bytes.Repeat([]byte{v.key}, masterkey.Size), v.gone
}

// With an external key source no key is written into the data directory. The next key replaces the current one while both are configured;
// after that the old one opens nothing, and a server configured with it does not start.
//
// proves part of N04
func TestMasterKeyRotation(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: dir, MasterKey: testKeySource{key: 1}}))
	p := w.Owner()
	product, _, id := p.CreateLicense("perpetual", servertest.LicenseBody("One"))
	root := w.Certificate(product).Root()
	second := p.Must(201, "POST", "/products", map[string]any{"name": "Two"})
	if found, _ := filepath.Glob(filepath.Join(dir, data.MasterKeyFile+"*")); found != nil {
		t.Errorf("keys in the data directory: %v", found)
	}
	stop := func() {
		t.Helper()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	again := func(c server.Config) *servertest.Server {
		t.Helper()
		stop()
		c.Data = dir
		w = servertest.Start(t, servertest.WithConfig(c))
		p = w.Login("owner@acme.test")
		return w
	}
	signs := func() {
		t.Helper()
		file := p.Do("GET", "/licenses/"+id+"/file", nil)
		if _, err := license.Open(file.Body, w.Certificate(product), w.Clock.Now()); err != nil || w.Certificate(product).Root() != root {
			t.Errorf("%v: %s", err, file.Body)
		}
	}
	// First every node opens with both, then one after the other seals with the new one.
	again(server.Config{MasterKey: testKeySource{key: 1}, PreviousMasterKey: testKeySource{key: 2}})
	signs()
	again(server.Config{MasterKey: testKeySource{key: 2}, PreviousMasterKey: testKeySource{key: 1}})
	signs()
	if !strings.Contains(w.Log.String(), "encrypted keys with the current master key") {
		t.Error("nothing was sealed anew")
	}
	again(server.Config{MasterKey: testKeySource{key: 2}})
	signs()
	p.Must(201, "POST", "/products/"+servertest.ID(second)+"/keys", map[string]any{"use": "file"})
	stop()

	for name, c := range map[string]struct {
		config server.Config
		about  string
		want   string
	}{
		"the old key": {server.Config{MasterKey: testKeySource{key: 1}}, "master-key",
			"cannot be decrypted: the master key is a different one"},
		"a key of its own": {server.Config{}, "", "master.key is missing"},
		"a vault out of reach": {server.Config{MasterKey: testKeySource{gone: errors.New("no route to the vault")}}, "master-key",
			"no route to the vault"},
		"another, too": {server.Config{MasterKey: testKeySource{key: 2}, PreviousMasterKey: testKeySource{gone: errors.New("no route")}},
			"previous-master-key", "no route"},
	} {
		c.config.Data = dir
		_, err := server.Open(c.config)
		var about *config.SettingError
		if !strings.Contains(errorText(err), c.want) || errors.As(err, &about) && about.Setting != c.about {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Re-encryption stops half way and resumes; nothing is done twice or lost.
func TestMasterKeyRotationResumes(t *testing.T) {
	t.Parallel()
	w := servertest.Start(t, servertest.WithConfig(server.Config{Data: filepath.Join(t.TempDir(), "data"), MasterKey: testKeySource{key: 1}}))
	p := w.Owner()
	var products []license.ID
	for _, name := range []string{"One", "Two", "Three"} {
		products = append(products, license.ID(servertest.ID(p.Must(201, "POST", "/products", map[string]any{"name": name}))))
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
	tired := &failingUpdateStore{Store: w.Store, strength: 1}
	domain := services.New(tired, both, services.Options{Clock: w.Clock.Now, Secret: key(3)})
	r, err := domain.Keys.ReencryptKeys(t.Context(), w.Store.EachProduct)
	if !errors.Is(err, licensing.ErrUnavailable) || r.Reencrypted != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	tired.strength = 100
	if r, err = domain.Keys.ReencryptKeys(t.Context(), w.Store.EachProduct); err != nil || r.Reencrypted != 2 || r.Products != 3 ||
		r.Unreadable != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = domain.Keys.ReencryptKeys(t.Context(), w.Store.EachProduct); err != nil || r.Reencrypted != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, id := range products {
		p, err := w.Store.ProductWithKeys(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alone.Signer(id, p.SealedKeys); err != nil {
			t.Error(err)
		}
	}
	// One record that was damaged keeps no other from being opened.
	damaged, err := w.Store.ProductWithKeys(t.Context(), products[0])
	if err != nil {
		t.Fatal(err)
	}
	damaged.SealedKeys = slices.Clone(damaged.SealedKeys)
	damaged.SealedKeys[20] ^= 1
	if _, err := w.Store.UpdateProduct(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	if r, err = domain.Keys.ReencryptKeys(t.Context(), w.Store.EachProduct); err != nil || len(r.Unreadable) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// failingUpdateStore fails after some updates of products.
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
