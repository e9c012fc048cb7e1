package licensing

import (
	"context"
	"crypto/sha3"
	"errors"
	"io"
	"sync"
)

// A call that may be made again after a crash must not create twice. So all that it draws at random comes from a seed that was written
// down before it began: made again it draws the same ids, meets ErrExists, and finds its own record.

type seedKey struct{}

// deterministicReader is what a seed gives, byte after byte.
type deterministicReader struct {
	mu     sync.Mutex
	stream *sha3.SHAKE
}

func (d *deterministicReader) Read(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stream.Read(b)
}

// WithSeed makes what the calls with this context draw a function of the seed and of their order.
func WithSeed(ctx context.Context, seed []byte) context.Context {
	d := &deterministicReader{stream: sha3.NewSHAKE256()}
	_, _ = d.stream.Write(seed) // it never fails
	return context.WithValue(ctx, seedKey{}, d)
}

// WithItem gives one of many things that one call makes randomness of its own, so that it draws the same whatever became of the others.
func WithItem(ctx context.Context) context.Context {
	d, seeded := ctx.Value(seedKey{}).(*deterministicReader)
	if !seeded {
		return ctx
	}
	var seed [32]byte
	_, _ = d.Read(seed[:]) // it never fails
	return WithSeed(ctx, seed[:])
}

// Random is the source that the call draws from: its seed if it has one.
func Random(ctx context.Context, otherwise io.Reader) io.Reader {
	if d, seeded := ctx.Value(seedKey{}).(*deterministicReader); seeded {
		return d
	}
	return otherwise
}

// IsReplay tells whether a creation may have failed only because the same call has been made before, and its record is there.
func IsReplay(ctx context.Context, err error) bool {
	return errors.Is(err, ErrExists) && ctx.Value(seedKey{}) != nil
}

// CreatedOrExisting is the outcome of a creation: the record, or the one that an earlier attempt of the same call has made.
func CreatedOrExisting[T any](ctx context.Context, record T, err error, read func() (T, error)) (T, error) {
	if IsReplay(ctx, err) {
		if own, readErr := read(); !errors.Is(readErr, ErrNotFound) {
			return own, readErr
		}
	}
	return record, err
}
