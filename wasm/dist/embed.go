// Package dist embeds the built client core, the module that every host runs (spec/abi.md). `make wasm` builds it; the build is
// reproducible, so anybody can check the hash.
package dist

import (
	_ "embed"
	"encoding/json"
)

// Module is the WebAssembly module. Do not change it.
//
//go:embed client.wasm
var Module []byte

//go:embed client.json
var description []byte

// SHA256 is the published hash of the module, 64 lower-case hex digits. A host compares before it runs the module.
var SHA256 = describe().SHA256

// GoVersion is the toolchain that builds the same bytes again.
var GoVersion = describe().Go

func describe() (d struct{ SHA256, Go string }) {
	if err := json.Unmarshal(description, &d); err != nil {
		panic("wasm/dist/client.json: run `make wasm`: " + err.Error())
	}
	return d
}
