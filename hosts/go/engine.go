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
	memoryPages      = 1024        // of 64 KiB: a module that needs more than 64 MiB traps
	cacheLoadTimeout = time.Second // for loading a compiled module from the disk cache; the interpreter is used after that

	// compileDelay is the time that the interpreter has before the compiler takes a processor for seconds: a program that wants one
	// verdict, or is being activated, is done by then.
	compileDelay = 2 * time.Second
)

// engine runs the module. Compiling takes seconds and loading compiled code from the cache a tenth of a second, so without a cache the
// interpreter answers first while the compiler works in the background; ready is closed when it is done.
type engine struct {
	module        []byte
	cache         string         // folder of the compiled module; empty: none
	idleInstances chan *instance // for Verify, which needs no client

	compiler sync.Once
	ready    chan struct{}

	mu                 sync.Mutex
	interpreterBackend *backend // the interpreter; nil until it is needed, and again when it is no longer
	compiledBackend    *backend // the compiler; nil until ready, and for good where there is none
}

// backend is one way to run the module: wazero's interpreter or its compiler.
type backend struct {
	engine        *engine
	isInterpreter bool // the interpreter
	runtime       wazero.Runtime
	compiled      wazero.CompiledModule
	instances     int // guarded by engine.mu
}

var shared struct {
	once sync.Once
	*engine
	err error
}

// sharedEngine returns the engine of this process: all clients share the compiled module.
func sharedEngine() (*engine, error) {
	shared.once.Do(func() {
		var sum [32]byte
		if sum, shared.err = checkModuleHash(dist.Module, dist.SHA256); shared.err == nil {
			cache, warm := openCache(sum)
			shared.engine, shared.err = newEngine(dist.Module, cache, warm)
		}
	})
	return shared.engine, shared.err
}

// checkModuleHash compares the module with its published hash. The error has the code module_mismatch.
func checkModuleHash(module []byte, want string) ([32]byte, error) {
	sum := sha256.Sum256(module)
	if got := hex.EncodeToString(sum[:]); got != want {
		return sum, newError(license.CodeModuleMismatch, "its SHA-256 is %s, not %s; `make wasm` builds it", got, want)
	}
	return sum, nil
}

// Warm waits until the module is compiled, and the user's cache with it: an installer calls it so that the first start of the program is
// fast. Calling it is never required.
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

// newEngine returns an engine that can answer: with the compiled module from the cache, or with the interpreter.
func newEngine(module []byte, cache string, warm bool) (*engine, error) {
	e := &engine{module: module, cache: cache, idleInstances: make(chan *instance, runtime.GOMAXPROCS(0)), ready: make(chan struct{})}
	if !compilerExists {
		close(e.ready)
		return e, e.startInterpreter()
	}
	if warm {
		go e.compile()
		select {
		case <-e.ready:
			return e, nil
		case <-time.After(cacheLoadTimeout):
			return e, e.startInterpreter()
		}
	}
	if err := e.startInterpreter(); err != nil {
		return nil, err
	}
	time.AfterFunc(compileDelay, e.compile)
	return e, nil
}

// compilerExists reports whether wazero has a compiler for this processor.
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
	full, err := e.newBackend(config)
	if err != nil {
		return // the interpreter stays; it would fail in the same way if the module were bad
	}
	e.mu.Lock()
	e.compiledBackend = full
	spare := e.takeUnusedInterpreter()
	e.mu.Unlock()
	spare.close()
	e.closeIdleInterpreters()
}

// startInterpreter makes the interpreter unless there is a backend already.
func (e *engine) startInterpreter() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.compiledBackend != nil || e.interpreterBackend != nil {
		return nil
	}
	quick, err := e.newBackend(wazero.NewRuntimeConfigInterpreter())
	if err != nil {
		return err
	}
	quick.isInterpreter = true
	e.interpreterBackend = quick
	return nil
}

// newBackend loads the module into a new runtime.
func (e *engine) newBackend(config wazero.RuntimeConfig) (*backend, error) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config.WithMemoryLimitPages(memoryPages))
	_, err := wasi_snapshot_preview1.Instantiate(ctx, r)
	if err == nil {
		var compiled wazero.CompiledModule
		if compiled, err = r.CompileModule(ctx, e.module); err == nil {
			return &backend{engine: e, runtime: r, compiled: compiled}, nil
		}
	}
	return nil, errors.Join(newError(license.CodeInternal, "loading the module: %v", err), r.Close(ctx))
}

// acquireBackend returns the best backend there is and counts one more instance of it.
func (e *engine) acquireBackend() (*backend, error) {
	if err := e.startInterpreter(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.compiledBackend
	if t == nil {
		t = e.interpreterBackend
	}
	t.instances++
	return t, nil
}

// release counts one instance less. The interpreter needs much memory and is closed with its last instance once there is a compiled
// module.
func (t *backend) release() {
	t.engine.mu.Lock()
	t.instances--
	spare := t.engine.takeUnusedInterpreter()
	t.engine.mu.Unlock()
	spare.close()
}

// isCompiling reports whether the compiled module is not ready yet.
func (e *engine) isCompiling() bool {
	select {
	case <-e.ready:
		return false
	default:
		return true
	}
}

// isOutdated reports whether the instance is interpreted although there is a compiled module.
func (e *engine) isOutdated(inst *instance) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return inst.backend.isInterpreter && e.compiledBackend != nil
}

// takeUnusedInterpreter removes and returns the interpreter if nothing needs it any more; nil otherwise. The caller holds the lock.
func (e *engine) takeUnusedInterpreter() *backend {
	t := e.interpreterBackend
	if t == nil || e.compiledBackend == nil || t.instances > 0 {
		return nil
	}
	e.interpreterBackend = nil
	return t
}

func (t *backend) close() {
	if t != nil {
		_ = t.runtime.Close(context.Background()) // fails only if it is closed already
	}
}

// closeIdleInterpreters closes the idle instances that are interpreted.
func (e *engine) closeIdleInterpreters() {
	for range cap(e.idleInstances) {
		select {
		case inst := <-e.idleInstances:
			_ = e.releaseInstance(inst, nil) // returns the error that it is given
		default:
			return
		}
	}
}
