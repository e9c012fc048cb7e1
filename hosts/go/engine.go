//go:build !native

package onelicense

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/dist"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

const (
	memoryPages = 1024        // of 64 KiB: a module that wants more than 64 MiB traps
	patience    = time.Second // for a compiled module from the disk cache, before the interpreter takes over

	// headStart is what the interpreter gets before the compiler takes a processor for seconds: a program that wants one verdict, or is
	// being activated, is done by then.
	headStart = 2 * time.Second
)

// engine runs the module. Compiling takes seconds and loading compiled code from the cache a tenth of one, so without a cache the
// interpreter answers first and the compiler works in the background; ready is closed when it is done.
type engine struct {
	module []byte
	cache  string         // folder; empty: none
	idle   chan *instance // for Verify, which needs no client

	compiler sync.Once
	ready    chan struct{}

	mu    sync.Mutex
	quick *tier // the interpreter; nil until it is needed, and again when it is no longer
	full  *tier // the compiler; nil until ready, and for good where there is none
}

// tier is one way to run the module.
type tier struct {
	engine    *engine
	quick     bool // the interpreter
	runtime   wazero.Runtime
	compiled  wazero.CompiledModule
	instances int // guarded by engine.mu
}

var shared struct {
	once sync.Once
	*engine
	err error
}

// sharedEngine is the one of this process: all clients share the compiled module.
func sharedEngine() (*engine, error) {
	shared.once.Do(func() {
		var sum [32]byte
		if sum, shared.err = pinned(dist.Module, dist.SHA256); shared.err == nil {
			cache, warm := openCache(sum)
			shared.engine, shared.err = newEngine(dist.Module, cache, warm)
		}
	})
	return shared.engine, shared.err
}

// pinned holds the module to its published hash.
func pinned(module []byte, want string) ([32]byte, error) {
	sum := sha256.Sum256(module)
	if got := hex.EncodeToString(sum[:]); got != want {
		return sum, refuse(license.CodeModuleMismatch, "its SHA-256 is %s, not %s; `make wasm` builds it", got, want)
	}
	return sum, nil
}

// Warm waits until the module is compiled, and with it the cache of this user filled: an installer calls it so that the first start of
// the program is a fast one. It is never needed.
func Warm(ctx context.Context) error {
	e, err := sharedEngine()
	if err != nil {
		return err
	}
	if compilerExists {
		go e.compile()
	}
	select {
	case <-e.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newEngine(module []byte, cache string, warm bool) (*engine, error) {
	e := &engine{module: module, cache: cache, idle: make(chan *instance, runtime.GOMAXPROCS(0)), ready: make(chan struct{})}
	if !compilerExists {
		close(e.ready)
		return e, e.interpret()
	}
	if warm {
		go e.compile()
		select {
		case <-e.ready:
			return e, nil
		case <-time.After(patience):
			return e, e.interpret()
		}
	}
	if err := e.interpret(); err != nil {
		return nil, err
	}
	time.AfterFunc(headStart, e.compile)
	return e, nil
}

// wazero compiles for these two processors.
const compilerExists = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"

// compile makes the compiled module, once.
func (e *engine) compile() { e.compiler.Do(e.compileNow) }

func (e *engine) compileNow() {
	defer close(e.ready)
	config := wazero.NewRuntimeConfig()
	if e.cache != "" {
		if cache, err := wazero.NewCompilationCacheWithDir(e.cache); err == nil {
			config = config.WithCompilationCache(cache)
		}
	}
	full, err := e.newTier(config)
	if err != nil {
		return // the interpreter stays; it would fail in the same way if the module were bad
	}
	e.mu.Lock()
	e.full = full
	spare := e.spare()
	e.mu.Unlock()
	spare.close()
	e.dismiss()
}

func (e *engine) interpret() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.full != nil || e.quick != nil {
		return nil
	}
	quick, err := e.newTier(wazero.NewRuntimeConfigInterpreter())
	if err != nil {
		return err
	}
	quick.quick = true
	e.quick = quick
	return nil
}

func (e *engine) newTier(config wazero.RuntimeConfig) (*tier, error) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config.WithMemoryLimitPages(memoryPages))
	_, err := wasi_snapshot_preview1.Instantiate(ctx, r)
	if err == nil {
		var compiled wazero.CompiledModule
		if compiled, err = r.CompileModule(ctx, e.module); err == nil {
			return &tier{engine: e, runtime: r, compiled: compiled}, nil
		}
	}
	return nil, errors.Join(refuse(license.CodeInternal, "loading the module: %v", err), r.Close(ctx))
}

// take gives the best tier there is, with one more instance to count.
func (e *engine) take() (*tier, error) {
	if err := e.interpret(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.full
	if t == nil {
		t = e.quick
	}
	t.instances++
	return t, nil
}

// drop counts one instance less; the interpreter, which takes much memory, goes with its last one.
func (t *tier) drop() {
	t.engine.mu.Lock()
	t.instances--
	spare := t.engine.spare()
	t.engine.mu.Unlock()
	spare.close()
}

// compiling tells whether the compiled module is still to come.
func (e *engine) compiling() bool {
	select {
	case <-e.ready:
		return false
	default:
		return true
	}
}

// outdated tells whether the instance could be replaced by a compiled one.
func (e *engine) outdated(inst *instance) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return inst.tier.quick && e.full != nil
}

// spare takes the interpreter out if nobody needs it any more.
func (e *engine) spare() *tier {
	t := e.quick
	if t == nil || e.full == nil || t.instances > 0 {
		return nil
	}
	e.quick = nil
	return t
}

func (t *tier) close() {
	if t != nil {
		t.runtime.Close(context.Background())
	}
}

// dismiss ends the instances at rest that run in the interpreter.
func (e *engine) dismiss() {
	for range cap(e.idle) {
		select {
		case inst := <-e.idle:
			e.giveBack(inst, nil)
		default:
			return
		}
	}
}
