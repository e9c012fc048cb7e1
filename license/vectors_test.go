package license_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/pgp"
)

// vector is an entry of spec/vectors/license/vectors.json, as far as this test needs it.
type vector struct {
	Name, File, Keyring, Key, Root string
	Now, Created                   time.Time
	Code                           license.Code
	Claims                         *license.Claims
}

const vectorDir = "../spec/vectors/license"

func vectors(t testing.TB) []vector {
	t.Helper()
	var list []vector
	if err := json.Unmarshal(readVector(t, "vectors.json"), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func readVector(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// proves L03 L04 L05
// proves part of N04
func TestVectors(t *testing.T) {
	list := vectors(t)
	if len(list) < 45 {
		t.Fatalf("only %d vectors", len(list))
	}
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			var l *license.License
			keys, err := pgp.Parse(readVector(t, v.Keyring))
			if err == nil {
				l, err = license.Open(readVector(t, v.File), keys, v.Now)
			}
			if v.Code != license.CodeOK {
				var refusal *license.Error
				if l != nil || !errors.As(err, &refusal) || refusal.Code != v.Code {
					t.Errorf("got %v, want %s", err, v.Code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(l.Claims, *v.Claims) {
				t.Errorf("got %v, want %v", l.Claims, *v.Claims)
			}
			if l.Root != v.Root || l.Signature.Key != v.Key || !l.Signature.Created.Equal(v.Created) {
				t.Errorf("got root %s and %v, want %s, %s, %s", l.Root, l.Signature, v.Root, v.Key, v.Created)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	keys, err := pgp.Parse(readVector(f, "product.asc"))
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2025, 1, 3, 0, 0, 0, 0, time.UTC)
	for _, v := range vectors(f) {
		if data := readVector(f, v.File); v.Keyring == "product.asc" && len(data) < 1024 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		l, err := license.Open(file, keys, now)
		var refusal *license.Error
		switch {
		case err == nil:
			if _, err := l.Text(); err != nil {
				t.Errorf("what was read cannot be written: %v", err)
			}
		case l != nil || !errors.As(err, &refusal) || refusal.Code.Verdict().Class != license.ClassFile:
			t.Errorf("got %v and %v", l, err)
		}
	})
}
