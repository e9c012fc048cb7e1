//go:build wasip1

// Command wasm is the client module: exports for hosts in any language (spec/abi.md), and no logic.
package main

import (
	"encoding/binary"
	"unsafe"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/license/pgp"
	"github.com/onelicense/onelicense/wasm/abi"
	"github.com/onelicense/onelicense/wasm/client"
)

func main() {}

// module holds the clients of this instance. Its parse function is the only connection between the core and OpenPGP.
var module = client.NewModule(func(certificate []byte) (license.Keyring, error) {
	k, err := pgp.ParseLazy(certificate)
	if err != nil {
		return nil, err
	}
	return k, nil
})

// buffers keeps memory that the host may access alive until free: Go does not move it.
var buffers = map[int32][]byte{}

//go:wasmexport abi_version
func abiVersion() int32 { return abi.Version }

// alloc returns n bytes for a call; 0 if n is not in range.
//
//go:wasmexport alloc
func alloc(n int32) int32 {
	if n <= 0 || n > abi.MaxCall {
		return 0
	}
	return keep(make([]byte, n))
}

//go:wasmexport free
func free(p int32) { delete(buffers, p) }

// call takes n bytes of JSON at p, which alloc returned, and returns the address of the answer: its length as 32 bits, little-endian,
// then JSON. The host frees both.
//
//go:wasmexport call
func call(p, n int32) int32 {
	in := buffers[p]
	if n < 0 || int(n) > len(in) {
		in, n = nil, 0
	}
	out := module.Call(in[:n])
	return keep(append(binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(out)), uint32(len(out))), out...))
}

// consume counts calls without JSON; see client.Client.Consume. now is in ms.
//
//go:wasmexport consume
func consume(handle, n int32, now float64) int32 {
	return module.Consume(handle, int64(n), lease.Time(now))
}

// keep registers a buffer and returns its address.
func keep(b []byte) int32 {
	p := int32(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
	buffers[p] = b
	return p
}
