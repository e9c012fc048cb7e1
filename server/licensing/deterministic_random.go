package licensing

import (
	"context"
	"crypto/sha3"
	"errors"
	"io"
	"sync"
)

// A request that may be repeated after a crash must not create a record twice. Therefore its random values are derived from a seed that was
// stored before it began: repeated, it generates the same ids, gets ErrExists, and finds its own record.

type seedKey struct{}

// deterministicReader yields the bytes that are derived from a seed. It is safe for concurrent use.
type deterministicReader struct {
	mu     sync.Mutex
	stream *sha3.SHAKE
}

func (d *deterministicReader) Read(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stream.Read(b)
}

// WithSeed returns a context with which random values depend only on the seed and on the order in which they are drawn.
func WithSeed(ctx context.Context, seed []byte) context.Context {
	d := &deterministicReader{stream: sha3.NewSHAKE256()}
	_, _ = d.stream.Write(seed) // it never fails
	return context.WithValue(ctx, seedKey{}, d)
}

// WithItem returns a context with a seed of its own for the next of many items of one request, so that its random values do not depend on
// what became of the items before. Without a seed it returns ctx.
func WithItem(ctx context.Context) context.Context {
	d, seeded := ctx.Value(seedKey{}).(*deterministicReader)
	if !seeded {
		return ctx
	}
	var seed [32]byte
	_, _ = d.Read(seed[:]) // it never fails
	return WithSeed(ctx, seed[:])
}

// Random returns the source that is derived from the context's seed, or otherwise if it has none.
func Random(ctx context.Context, otherwise io.Reader) io.Reader {
	if d, seeded := ctx.Value(seedKey{}).(*deterministicReader); seeded {
		return d
	}
	return otherwise
}

// IsReplay reports whether a creation may have failed with ErrExists because an earlier attempt of the same seeded request had created the
// record.
func IsReplay(ctx context.Context, err error) bool {
	return errors.Is(err, ErrExists) && ctx.Value(seedKey{}) != nil
}

// CreatedOrExisting returns the record that was created or, if an earlier attempt of the same seeded request had created it, the stored
// one.
func CreatedOrExisting[T any](ctx context.Context, record T, err error, read func() (T, error)) (T, error) {
	if IsReplay(ctx, err) {
		if own, readErr := read(); !errors.Is(readErr, ErrNotFound) {
			return own, readErr
		}
	}
	return record, err
}
