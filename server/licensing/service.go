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

// Options are what a service takes from its surroundings.
type Options struct {
	Clock  func() time.Time // nil: time.Now
	Random io.Reader        // nil: the system's
	Epoch  int64            // the first, for a store that has none yet; 0: the Unix time. The store's stands
	Secret []byte           // makes challenges; 32 bytes, the same on every node
	Events EventSink        // is told of what happens; nil: nobody is
}

// Service is the domain: what a vendor edits and what programs ask. Its reads are those of the store.
type Service struct {
	Reader
	store      Store
	issuer     Issuer
	clock      func() time.Time
	random     io.Reader
	secret     []byte
	events     EventSink
	epochCache epochCache
	statements statementCache
}

// Reader are passed on to the store as they are.
type Reader interface {
	Organisation(ctx context.Context, id license.ID) (Organisation, error)
	Product(ctx context.Context, org, id license.ID) (Product, error)
	Products(ctx context.Context, org license.ID, page Page) (Listing[Product], error)
	ProductKeyring(ctx context.Context, id license.ID) ([]byte, error)
	Version(ctx context.Context, org, id license.ID) (Version, error)
	Versions(ctx context.Context, org, product license.ID, page Page) (Listing[Version], error)
	License(ctx context.Context, org, id license.ID) (License, error)
	Licenses(ctx context.Context, org license.ID, filter LicenseFilter, page Page) (Listing[License], error)
	Activations(ctx context.Context, org, license license.ID, page Page) (Listing[Activation], error)
	Ready(context.Context) error
}

// New makes a service. A secret that is missing or short is a mistake of the program.
func New(store Store, issuer Issuer, o Options) *Service {
	if len(o.Secret) < 16 {
		panic("licensing: the secret for challenges has fewer than 16 bytes")
	}
	s := &Service{Reader: store, store: store, issuer: issuer, clock: o.Clock, random: o.Random, secret: o.Secret, events: o.Events}
	if o.Events != nil {
		s.store = eventingStore{store, o.Events, s.now}
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.random == nil {
		s.random = rand.Reader
	}
	s.epochCache.first = o.Epoch
	if s.epochCache.first == 0 {
		s.epochCache.first = s.clock().Unix()
	}
	return s
}

// newID makes an id of 96 random bits: not by time, so that ids spread evenly over shards.
func (s *Service) newID(ctx context.Context) (license.ID, error) {
	var b [12]byte
	if _, err := io.ReadFull(Random(ctx, s.random), b[:]); err != nil {
		return "", fmt.Errorf("making an id: %w", err)
	}
	return license.ID(hex.EncodeToString(b[:])), nil
}

func (s *Service) now() lease.Time { return lease.Time(s.clock().UnixMilli()) }
