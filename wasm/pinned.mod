// The client core's own list, so that no other dependency of the project changes the module's bytes. It is used as
// `go build -modfile=wasm/pinned.mod ./wasm`; a test holds it to go.mod.
module github.com/onelicense/onelicense

go 1.26.0

require (
	github.com/ProtonMail/go-crypto v1.5.2
	github.com/cloudflare/circl v1.6.3
	golang.org/x/crypto v0.58.0
	golang.org/x/sys v0.49.0
)
