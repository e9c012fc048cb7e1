// Package store names the interface that a whole server needs of its storage. The packages below it implement it: sqlite (embedded), mongo
// (several nodes) and memory (tests).
package store

import (
	"context"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// Store persists everything a server knows.
type Store interface {
	licensing.Store
	access.Store

	// EachProduct calls each for every product of every organisation, with its encrypted private keys. It stops at the first error.
	EachProduct(ctx context.Context, each func(licensing.Product) error) error
}
