package onelicense

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
)

const vectorDir = "../../spec/vectors"

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{vectorDir}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// vector is an entry of spec/vectors/license/vectors.json.
type vector struct {
	Name, File, Keyring, Key, Root string
	Now, Created                   time.Time
	Code                           license.Code
	Claims                         *license.Claims
}

func vectors(t testing.TB) (list []vector) {
	t.Helper()
	if err := json.Unmarshal(read(t, "license", "vectors.json"), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 45 {
		t.Fatalf("only %d vectors", len(list))
	}
	return list
}

// proves L03 L04 L05 N01
func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			l, err := VerifyAt(t.Context(), read(t, "license", v.File), read(t, "license", v.Keyring), v.Now)
			wantCode(t, err, v.Code)
			if (l != nil) != (v.Code == license.CodeOK) {
				t.Fatalf("got %v and %v", l, err)
			}
			if l == nil {
				return
			}
			claims := license.Claims{ID: l.ID, Contexts: l.Contexts}
			for _, e := range l.Entitlements {
				claims.Entitlements = append(claims.Entitlements, license.Entitlement(e))
			}
			if !reflect.DeepEqual(claims, *v.Claims) || l.Root != v.Root || l.Key != v.Key || !l.Signed.Std().Equal(v.Created) {
				t.Errorf("got %+v, want %+v", l, v)
			}
		})
	}
}

// story is a trace of spec/vectors/client: for each run of a program, what went into a fresh instance and what came out.
type story struct {
	Runs [][]struct {
		Call, Reply string
		Consume     *struct {
			Handle, N int32
			Now       float64
		}
		Answer int32
	}
}

func gunzip(t testing.TB, compressed []byte) io.Reader {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// proves part of N11
func TestTracesByteForByte(t *testing.T) {
	e := compiled(t)
	paths, err := filepath.Glob(filepath.Join(vectorDir, "client", "*.json.gz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d traces, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json.gz"), func(t *testing.T) {
			var s story
			if err := json.NewDecoder(gunzip(t, read(t, "client", filepath.Base(path)))).Decode(&s); err != nil {
				t.Fatal(err)
			}
			for n, run := range s.Runs {
				inst, err := e.instance()
				if err != nil {
					t.Fatal(err)
				}
				defer inst.close()
				for i, step := range run {
					if step.Consume != nil {
						got, err := inst.count(step.Consume.Handle, step.Consume.N, step.Consume.Now)
						if err != nil || got != step.Answer {
							t.Fatalf("run %d, step %d: consume gave %d (%v), want %d", n, i, got, err, step.Answer)
						}
						continue
					}
					got, err := inst.callBytes([]byte(step.Call))
					if err != nil || string(got) != step.Reply {
						t.Fatalf("run %d, step %d: %v\n got %s\nwant %s", n, i, err, got, step.Reply)
					}
				}
			}
		})
	}
}

func TestRootOfAKeyring(t *testing.T) {
	v := newFakeServer(t)
	root, err := Root(t.Context(), []byte(v.ring))
	if err != nil || root != v.root {
		t.Errorf("got %q, %v, want %q", root, err, v.root)
	}
	_, err = Root(t.Context(), []byte("no certificate"))
	wantCode(t, err, license.CodeKeyringInvalid)
}

func TestConcurrentVerify(t *testing.T) {
	v := newFakeServer(t)
	file := v.file(t, first, []string{"ui"}, "rendering")
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for range 20 {
				if _, err := Verify(t.Context(), file, []byte(v.ring)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, file, []byte(v.ring)); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestOversizedCallIsRefused(t *testing.T) {
	_, err := compiled(t).invoke(verifyCall(make([]byte, abi.MaxCall), nil, time.Now()))
	wantCode(t, err, license.CodeBadCall)
}
