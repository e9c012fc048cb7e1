//go:build !native

package onelicense

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/dist"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// interpreter is an engine without a compiler, for the test to add one; tests that replace the engine share it.
var interpreter = sync.OnceValues(func() (*engine, error) {
	e := &engine{module: dist.Module, idleInstances: make(chan *instance, 1), ready: make(chan struct{})}
	return e, e.startInterpreter()
})

func interpreted(t testing.TB) *engine {
	t.Helper()
	e, err := interpreter()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func compiled(t testing.TB) *engine {
	t.Helper()
	if err := Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, err := sharedEngine()
	if err != nil {
		t.Fatal(err)
	}
	if e.compiledBackend == nil {
		t.Skip("there is no compiler for this processor")
	}
	return e
}

const tags = "" // of programs that a test builds

// breakInstance makes the instance trap at its next call.
func breakInstance(i *instance) { i.module.Close(context.Background()) }

// proves N01
func TestOnlyThePublishedModuleRuns(t *testing.T) {
	if _, err := checkModuleHash(dist.Module, dist.SHA256); err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(dist.Module)
	changed[len(changed)/2] ^= 1
	_, err := checkModuleHash(changed, dist.SHA256)
	wantCode(t, err, license.CodeModuleMismatch)
	if err == nil || !strings.Contains(err.Error(), "make wasm") {
		t.Errorf("%v does not say what to do", err)
	}
}

// probe is a module with three exports: 8 random bytes, the wall clock and the monotonic clock.
func probe() []byte {
	section := func(id byte, body ...byte) []byte { return append([]byte{id, byte(len(body))}, body...) }
	name := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	imported := func(f string, kind byte) []byte {
		return append(append(name("wasi_snapshot_preview1"), name(f)...), 0, kind)
	}
	clock := func(id byte) []byte { // clock_time_get(id, 1, 8); load 8
		return []byte{16, 0, 0x41, id, 0x42, 1, 0x41, 8, 0x10, 1, 0x1a, 0x41, 8, 0x29, 3, 0, 0x0b}
	}
	return bytes.Join([][]byte{
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, 3, 0x60, 2, 0x7f, 0x7f, 1, 0x7f, 0x60, 3, 0x7f, 0x7e, 0x7f, 1, 0x7f, 0x60, 0, 1, 0x7e),
		section(2, bytes.Join([][]byte{{2}, imported("random_get", 0), imported("clock_time_get", 1)}, nil)...),
		section(3, 3, 2, 2, 2),
		section(5, 1, 0, 1),
		section(7, bytes.Join([][]byte{{4}, name("memory"), {2, 0}, name("random"), {0, 2}, name("wall"), {0, 3}, name("mono"), {0, 4}}, nil)...),
		section(10, bytes.Join([][]byte{{3}, {14, 0, 0x41, 0, 0x41, 8, 0x10, 0, 0x1a, 0x41, 0, 0x29, 3, 0, 0x0b}, clock(0), clock(1)}, nil)...),
	}, nil)
}

// wazero's own defaults are the same "random" bytes in every instance, and clocks that stand still.
func TestModuleUsesSystemRandomnessAndClocks(t *testing.T) {
	ctx := t.Context()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	module, err := r.CompileModule(ctx, probe())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(export string) uint64 {
		i, err := r.InstantiateModule(ctx, module, moduleConfig(&stderrBuffer{}))
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close(ctx)
		out, err := i.ExportedFunction(export).Call(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	if a, b := ask("random"), ask("random"); a == b || a == 0 || b == 0 {
		t.Errorf("two instances drew %x and %x", a, b)
	}
	before := uint64(time.Now().UnixNano())
	if wall := ask("wall"); wall < before || wall > uint64(time.Now().UnixNano()) {
		t.Errorf("the wall clock says %d, it was %d", wall, before)
	}
	if a, b := ask("mono"), ask("mono"); b <= a {
		t.Errorf("the monotonic clock went from %d to %d", a, b)
	}
}

func TestModuleMemoryLimit(t *testing.T) {
	inst, err := interpreted(t).instance()
	if err != nil {
		t.Fatal(err)
	}
	defer inst.close()
	if _, ok := inst.module.Memory().Grow(memoryPages); ok {
		t.Error("the memory grew past its limit")
	}
}

func TestTrapNamesTheModulesMessage(t *testing.T) {
	inst, err := compiled(t).instance()
	if err != nil {
		t.Fatal(err)
	}
	defer inst.close()
	inst.stderr.Write([]byte("panic: something\ngoroutine 1 [running]:\n" + strings.Repeat("x", 2*maxStderr)))
	inst.module.Close(context.Background())
	_, err = inst.callBytes([]byte("{}"))
	if got, ok := errors.AsType[*trapError](err); !ok || !strings.HasSuffix(got.why, "panic: something") {
		t.Errorf("got %v", err)
	}
	if len(inst.stderr.text) > maxStderr {
		t.Errorf("%d bytes are kept", len(inst.stderr.text))
	}
}

// privateDir is a directory that nobody else can write, whatever the umask.
func privateDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCacheRequiresPrivateDirectory(t *testing.T) {
	sum := [32]byte{1, 2, 3}
	user := privateDir(t)
	folder, warm := openCacheIn(user, sum)
	if folder == "" || warm {
		t.Fatalf("got %q, %v", folder, warm)
	}
	for _, path := range []string{filepath.Join(user, "onelicense"), filepath.Join(user, "onelicense", "wazero"), folder} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	code := filepath.Join(folder, "wazero-v1", "00ff")
	if err := os.MkdirAll(filepath.Dir(code), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(code, []byte("machine code"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, warm := openCacheIn(user, sum); again != folder || !warm {
		t.Errorf("with something in it: %q, %v", again, warm)
	}
	for _, path := range []string{filepath.Join(user, "onelicense"), folder, filepath.Dir(code), code} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, info.Mode().Perm()|0o022); err != nil {
			t.Fatal(err)
		}
		if got, _ := openCacheIn(user, sum); got != "" {
			t.Errorf("used although others can write %s", path)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(user, 0o777); err != nil {
		t.Fatal(err)
	}
	if got, _ := openCacheIn(user, sum); got != "" {
		t.Error("used although others can put something in its place")
	}
	if err := os.Chmod(user, 0o700); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	if err := os.Rename(folder, filepath.Join(elsewhere, "x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "x"), folder); err != nil {
		t.Fatal(err)
	}
	if got, _ := openCacheIn(user, sum); got != "" {
		t.Error("used although it is a link")
	}
}

func TestCachePrunesUnusedModules(t *testing.T) {
	user := privateDir(t)
	old, _ := openCacheIn(user, [32]byte{1})
	recent, _ := openCacheIn(user, [32]byte{2})
	long := time.Now().Add(-2 * cacheLifetime)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	present, _ := openCacheIn(user, [32]byte{3})
	if _, err := os.Stat(old); err == nil {
		t.Error("the old one is still there")
	}
	for _, folder := range []string{recent, present} {
		if _, err := os.Stat(folder); err != nil {
			t.Error(err)
		}
	}
}

// The interpreter takes a hundred times as long, so it opens only a few vectors.
func TestInterpreterAndCompilerAgreeOnVectors(t *testing.T) {
	quick, full := interpreted(t), compiled(t)
	few := map[license.Code]bool{
		license.CodeOK: true, license.CodeFileLines: true, license.CodeSignatureInvalid: true, license.CodeKeyUnknown: true,
		license.CodeKeyCompromised: true,
	}
	for _, v := range vectors(t) {
		if !few[v.Code] {
			continue
		}
		few[v.Code] = false
		in, err := json.Marshal(verifyCall(read(t, "license", v.File), read(t, "license", v.Keyring), v.Now))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := exchange(t, quick, in), exchange(t, full, in); a != b {
			t.Errorf("%s: the interpreter says %s, the compiled module %s", v.Name, a, b)
		}
	}
}

func exchange(t testing.TB, e *engine, in []byte) string {
	t.Helper()
	inst, err := e.acquireInstance()
	if err != nil {
		t.Fatal(err)
	}
	out, err := inst.callBytes(in)
	if err := e.releaseInstance(inst, err); err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestInterpreterAnswersWhileTheModuleIsCompiled(t *testing.T) {
	e := interpreted(t)
	v := newFakeServer(t)
	file := v.file(t, first, []string{"ui"}, "rendering")
	l, err := e.invoke(verifyCall(file, []byte(v.ring), time.Now()))
	if err != nil || l.License.ID != first {
		t.Fatalf("got %v, %v", l, err)
	}
}

// A client that began in the interpreter moves to the compiled module with everything that it holds in memory, while it is in use.
func TestUpgradeFromInterpreterToCompiler(t *testing.T) {
	full := compiled(t)
	if err := interpreted(t).startInterpreter(); err != nil {
		t.Fatal(err)
	}
	quick := &engine{module: dist.Module, idleInstances: make(chan *instance, 1), ready: make(chan struct{}),
		interpreterBackend: interpreted(t).interpreterBackend}
	v := newFakeServer(t)
	v.allowance = 1_000_000
	cfg := v.config(t)
	c, err := openClient(t.Context(), quick, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if err := c.Reserve(t.Context(), "ui", "rendering"); err != nil {
		t.Fatal(err)
	}
	count := func(n int) {
		for range n {
			if err := c.Consume(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	count(50)
	c.runner.mu.Lock()
	before := c.runner.inst
	c.runner.mu.Unlock()
	if !before.backend.isInterpreter || before.log == nil {
		t.Fatal("it did not begin in the interpreter")
	}

	var busy sync.WaitGroup
	busy.Go(func() { count(500) })
	quick.mu.Lock()
	quick.compiledBackend = full.compiledBackend
	quick.mu.Unlock()
	close(quick.ready)
	eventually(t, "it does not move", func() bool {
		c.runner.mu.Lock()
		defer c.runner.mu.Unlock()
		return c.runner.inst != before
	})
	busy.Wait()
	if len(c.runner.recentTraps) != 0 || c.runner.inst.backend.isInterpreter {
		t.Fatalf("it restarted instead: %v", c.runner.stopped)
	}
	if err := c.Check("ui", "rendering"); err != nil {
		t.Errorf("what was held is lost: %v", err)
	}
	count(1)
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.total() != 551 {
		t.Errorf("counted %d, want 551", v.total())
	}
}

func TestCallLogIsBounded(t *testing.T) {
	h := &callLog{}
	for i := range 1000 {
		h.addCount(1, 1, float64(i/100), 0)
	}
	if n := len(h.records); n != 10 {
		t.Errorf("%d records for ten runs of equal counts", n)
	}
	records, ok := h.recordsFrom(9)
	h.addCount(1, 1, 9, 0)
	if !ok || len(records) != 1 || records[0].times != 100 || len(h.records) != 11 {
		t.Errorf("what was handed out has changed: %v", records)
	}
	h.addCall(make([]byte, maxCallLog), nil)
	if _, ok := h.recordsFrom(0); ok || h.records != nil {
		t.Error("it keeps more than it may")
	}
}

func TestReplayDetectsDivergence(t *testing.T) {
	inst, err := compiled(t).instance()
	if err != nil {
		t.Fatal(err)
	}
	defer inst.close()
	h := &callLog{}
	h.addCall([]byte(`{"op":"close","handle":7}`), []byte(`{"handle":7}`))
	if err := inst.replay(h.records); !errors.Is(err, errDiverged) {
		t.Errorf("got %v", err)
	}
	if err := inst.replay([]callRecord{{handle: 9, n: 1, times: 2, answer: 0}}); !errors.Is(err, errDiverged) {
		t.Errorf("got %v", err)
	}
}
