package telemetry

import (
	"context"
	"testing"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/leasing"
	"github.com/onelicense/onelicense/server/protocol"
	"github.com/onelicense/onelicense/server/store"
	"github.com/onelicense/onelicense/server/telemetry/metrics"
)

// BenchmarkInstrumentation measures what metrics add to one sync, which takes some 400 µs of CPU: its service, its reads, its write, and
// its request.
func BenchmarkInstrumentation(b *testing.B) {
	for name, w := range map[string]Telemetry{"none": {}, "metrics": {Metrics: metrics.New(metrics.Build{})}} {
		b.Run(name, func(b *testing.B) {
			s, domain := w.WrapStore(noopStore{}), w.WrapService(noopService{})
			for b.Loop() {
				ctx := b.Context()
				_, _ = domain.Sync(ctx, nil, "")
				_, _ = s.Epoch(ctx, 1)
				_, _ = s.LicenseContext(ctx, "")
				_, _ = s.Activation(ctx, licensing.ActivationKey{})
				_, _ = s.Advance(ctx, licensing.Advance{})
				if w.Metrics != nil {
					w.Metrics.ObserveRequest("/api/v1/sync", "POST", 200, time.Millisecond)
				}
			}
		})
	}
}

// noopStore is a store that does nothing.
type noopStore struct{ store.Store }

func (noopStore) Epoch(context.Context, int64) (e licensing.Epoch, err error) { return }
func (noopStore) LicenseContext(context.Context, license.ID) (t licensing.LicenseContext, err error) {
	return
}
func (noopStore) Advance(context.Context, licensing.Advance) (r licensing.AdvanceResult, err error) {
	return
}
func (noopStore) Activation(context.Context, licensing.ActivationKey) (a licensing.Activation, err error) {
	return
}

type noopService struct{ protocol.Service }

func (noopService) Sync(context.Context, []byte, string) (a leasing.Answer, err error) { return }
