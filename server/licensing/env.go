package licensing

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
)

// Env gives a service its clock and its source of randomness. The zero value is ready to use: it is the system's.
type Env struct {
	Clock  func() time.Time // nil: time.Now
	Random io.Reader        // nil: crypto/rand
}

// WithDefaults returns the environment with the system's clock and randomness in the place of what is nil.
func (e Env) WithDefaults() Env {
	if e.Clock == nil {
		e.Clock = time.Now
	}
	if e.Random == nil {
		e.Random = rand.Reader
	}
	return e
}

// Now returns the time in milliseconds since 1970.
func (e Env) Now() lease.Time { return lease.Time(e.Clock().UnixMilli()) }

// NewID returns an id of 96 random bits. It does not begin with the time, so that ids spread evenly over shards.
func (e Env) NewID(ctx context.Context) (license.ID, error) {
	var b [12]byte
	if _, err := io.ReadFull(Random(ctx, e.Random), b[:]); err != nil {
		return "", fmt.Errorf("making an id: %w", err)
	}
	return license.ID(hex.EncodeToString(b[:])), nil
}
