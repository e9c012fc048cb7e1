//go:build native

package onelicense

import (
	"context"
	"runtime"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
)

// With the build tag native the client core is compiled into the program, in place of the published module and an engine for it (doc.go
// says when that is useful). Everything outside this file is the same: calls go in and out as bytes, and an instance that answers
// internal is thrown away and a new one made from the last saved state.
//
// The isolation of the module is lost: a core that loops or runs out of memory affects the whole program.

// engine makes instances; there is nothing to load or compile.
type engine struct {
	idleInstances chan *instance // for Verify, which needs no client
}

var shared = &engine{idleInstances: make(chan *instance, runtime.GOMAXPROCS(0))}

func sharedEngine() (*engine, error) { return shared, nil }

// Warm has nothing to wait for.
func Warm(context.Context) error { return nil }

// instance is one core with its own clients. Only one goroutine may use it at a time, which the keyrings that it parses ask for too.
type instance struct{ core *client.Module }

func (e *engine) instance() (*instance, error) { return &instance{client.NewModule(parse)}, nil }

func parse(certificate []byte) (license.Keyring, error) {
	k, err := pgp.ParseLazy(certificate)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// callBytes refuses what the module's alloc does.
func (i *instance) callBytes(in []byte) ([]byte, error) {
	if len(in) == 0 || len(in) > abi.MaxCall {
		return nil, newError(license.CodeBadCall, "a call of %d bytes", len(in))
	}
	return i.core.Call(in), nil
}

// count is the hot call: one of the abi.Consume… values.
func (i *instance) count(handle, n int32, now float64) (int32, error) {
	return i.core.Consume(handle, int64(n), lease.Time(now)), nil
}

func (i *instance) newTrap(err error) error { return &trapError{err.Error()} }

// There is no second engine to move to.

func (i *instance) recordCall(string, []byte, []byte) {}

func (i *instance) stopRecording() {}

func (i *instance) close() {}

func (m *runner) started(*instance) {}

func (e *engine) isOutdated(*instance) bool { return false }
