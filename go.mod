// What a program embeds: the license file, the client core and the Go host. The server and the desktop app are modules of their own below
// this one, so that what they need does not reach a program that only checks a license.
module github.com/onelicense/onelicense

go 1.26.0

// What npm installs is none of our packages.
ignore ./frontend/node_modules

require (
	github.com/ProtonMail/go-crypto v1.5.2
	github.com/cloudflare/circl v1.6.3
	github.com/tetratelabs/wazero v1.12.0
	golang.org/x/sys v0.49.0
)

require golang.org/x/crypto v0.58.0 // indirect
