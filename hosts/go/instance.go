//go:build !native

package onelicense

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// instance is one running module with its own memory. Only one goroutine may use it at a time. After a trap, or an answer with the code
// internal, its state can no longer be trusted, even if it still answers: it must be closed and another one made.
type instance struct {
	backend *backend
	module  api.Module
	stderr  *stderrBuffer
	log     *callLog // nil: not recorded

	alloc, free, call, consume api.Function
	stack                      [3]uint64
}

// instance starts a new instance.
func (e *engine) instance() (*instance, error) {
	t, err := e.acquireBackend()
	if err != nil {
		return nil, err
	}
	i := &instance{backend: t, stderr: &stderrBuffer{}}
	if t.isInterpreter && e.isCompiling() {
		i.log = &callLog{}
	}
	if i.module, err = t.runtime.InstantiateModule(context.Background(), t.compiled, moduleConfig(i.stderr)); err != nil {
		t.release()
		return nil, newError(license.CodeInternal, "starting the module: %v", err)
	}
	i.alloc, i.free = i.module.ExportedFunction("alloc"), i.module.ExportedFunction("free")
	i.call, i.consume = i.module.ExportedFunction("call"), i.module.ExportedFunction("consume")
	version, err := i.run(i.module.ExportedFunction("abi_version"))
	if err != nil || version != abi.Version || i.alloc == nil || i.free == nil || i.call == nil || i.consume == nil {
		i.close()
		return nil, newError(license.CodeModuleMismatch, "the module has ABI version %d, this host needs %d", version, abi.Version)
	}
	return i, nil
}

// moduleConfig returns the module's environment: no arguments, no variables, no files. Randomness and clocks are the system's, because
// wazero's defaults are fixed, the same in every process.
func moduleConfig(stderr io.Writer) wazero.ModuleConfig {
	return wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").
		WithRandSource(rand.Reader).WithSysWalltime().WithSysNanotime().WithStderr(stderr)
}

func (i *instance) close() {
	_ = i.module.Close(context.Background()) // fails only if it is closed already
	i.backend.release()
}

// callBytes passes the bytes of a call to the module and returns those of its answer. The memory may grow with each call, so no view of
// it outlives one.
func (i *instance) callBytes(in []byte) ([]byte, error) {
	p, err := i.run(i.alloc, uint64(len(in)))
	if err != nil {
		return nil, err
	}
	if p == 0 {
		return nil, newError(license.CodeBadCall, "a call of %d bytes", len(in))
	}
	memory := i.module.Memory()
	if !memory.Write(uint32(p), in) {
		return nil, i.newTrap(errors.New("alloc returned an address outside of the module's memory"))
	}
	answer, err := i.run(i.call, uint64(uint32(p)), uint64(len(in)))
	if err != nil {
		return nil, err
	}
	head, ok := memory.Read(uint32(answer), 4)
	if !ok {
		return nil, i.newTrap(errors.New("its answer begins outside of its memory"))
	}
	text, ok := memory.Read(uint32(answer)+4, binary.LittleEndian.Uint32(head))
	if !ok {
		return nil, i.newTrap(errors.New("its answer ends outside of its memory"))
	}
	out := append([]byte(nil), text...)
	for _, q := range [...]int32{p, answer} {
		if _, err := i.run(i.free, uint64(uint32(q))); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// recordCall records a call for the move to the compiled module. A status call changes nothing and is left out.
func (i *instance) recordCall(op string, in, out []byte) {
	if i.log != nil && op != abi.OpStatus {
		i.log.addCall(in, out)
	}
}

// count calls the export consume and returns one of the abi.Consume… values.
func (i *instance) count(handle, n int32, now float64) (int32, error) {
	answer, err := i.run(i.consume, uint64(uint32(handle)), uint64(uint32(n)), api.EncodeF64(now))
	if err == nil && i.log != nil {
		i.log.addCount(handle, n, now, answer)
	}
	return answer, err
}

// run calls an export with at most three parameters and at most one result of 32 bits.
func (i *instance) run(f api.Function, params ...uint64) (int32, error) {
	if f == nil {
		return 0, i.newTrap(errors.New("the module lacks an export"))
	}
	copy(i.stack[:], params)
	if err := f.CallWithStack(context.Background(), i.stack[:]); err != nil {
		return 0, i.newTrap(err)
	}
	return int32(uint32(i.stack[0])), nil
}

// newTrap returns a trap with its cause: the first line of the engine's error and of what the module wrote to stderr.
func (i *instance) newTrap(err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return &trapError{fmt.Sprintf("%.300s %.300s", first, i.stderr.String())}
}

// stderrBuffer keeps the beginning of what the module writes to stderr, where a panic explains itself.
type stderrBuffer struct {
	mu   sync.Mutex
	text []byte
}

const maxStderr = 4096

func (d *stderrBuffer) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text = append(d.text, p[:min(len(p), maxStderr-len(d.text))]...)
	return len(p), nil
}

func (d *stderrBuffer) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	line, _, _ := strings.Cut(string(d.text), "\n")
	return line
}
