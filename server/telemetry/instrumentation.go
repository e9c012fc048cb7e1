package telemetry

import (
	"context"
	"time"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/leasing"
	"github.com/onelicense/onelicense/server/problem"
	"github.com/onelicense/onelicense/server/protocol"
	"github.com/onelicense/onelicense/server/store"
	"github.com/onelicense/onelicense/server/telemetry/traces"
)

// WrapService returns a service whose syncs are counted by verdict and traced. Without metrics and traces it returns s itself.
func (t Telemetry) WrapService(s protocol.Service) protocol.Service {
	if t.disabled() {
		return s
	}
	return instrumentedService{s, t}
}

type instrumentedService struct {
	protocol.Service
	telemetry Telemetry
}

func (s instrumentedService) Sync(ctx context.Context, body []byte, address string) (a leasing.Answer, err error) {
	var span traces.Span
	if s.telemetry.Traces != nil {
		ctx, span = s.telemetry.Traces.Start(ctx, "licensing.Sync")
	}
	a, err = s.Service.Sync(ctx, body, address)
	code := a.Refused
	if err != nil {
		code = problem.FromError(err).Code
	} else if code == "" {
		code = license.CodeOK
	}
	if s.telemetry.Metrics != nil {
		s.telemetry.Metrics.CountSync(string(code))
	}
	span.SetCode(string(code))
	span.End(code == license.CodeInternal || code == problem.Unavailable)
	return a, err
}

// WrapStore returns a store whose operations that syncs use are timed and traced: that is where the load is. Without metrics and traces it
// returns s itself.
func (t Telemetry) WrapStore(s store.Store) store.Store {
	if t.disabled() {
		return s
	}
	return instrumentedStore{s, t}
}

type instrumentedStore struct {
	store.Store
	telemetry Telemetry
}

// startOperation begins the span of a store operation. The function it returns ends the span and observes the duration.
func (t Telemetry) startOperation(ctx context.Context, name string) (context.Context, func(error)) {
	var span traces.Span
	if t.Traces != nil {
		ctx, span = t.Traces.Start(ctx, "store."+name)
	}
	start := time.Now()
	return ctx, func(err error) {
		failed := isFailure(err)
		if t.Metrics != nil {
			t.Metrics.ObserveStore(name, time.Since(start), failed)
		}
		span.End(failed)
	}
}

// isFailure reports whether the store failed, as opposed to refusing an operation.
func isFailure(err error) bool {
	if err == nil {
		return false
	}
	code := problem.FromError(err).Code
	return code == license.CodeInternal || code == problem.Unavailable
}

func (s instrumentedStore) ProductWithKeys(ctx context.Context, product license.ID) (p licensing.Product, err error) {
	ctx, end := s.telemetry.startOperation(ctx, "KeysOf")
	defer func() { end(err) }()
	return s.Store.ProductWithKeys(ctx, product)
}

func (s instrumentedStore) LicenseContext(ctx context.Context, id license.ID) (t licensing.LicenseContext, err error) {
	ctx, end := s.telemetry.startOperation(ctx, "Terms")
	defer func() { end(err) }()
	return s.Store.LicenseContext(ctx, id)
}

func (s instrumentedStore) Activation(ctx context.Context, key licensing.ActivationKey) (a licensing.Activation, err error) {
	ctx, end := s.telemetry.startOperation(ctx, "Activation")
	defer func() { end(err) }()
	return s.Store.Activation(ctx, key)
}

func (s instrumentedStore) Advance(ctx context.Context, a licensing.Advance) (r licensing.AdvanceResult, err error) {
	ctx, end := s.telemetry.startOperation(ctx, "Advance")
	defer func() { end(err) }()
	return s.Store.Advance(ctx, a)
}

func (s instrumentedStore) SaveReactivationHistory(
	ctx context.Context, key licensing.ActivationKey, head lease.Position, history licensing.ReactivationHistory, resetBudget bool,
) (err error) {
	ctx, end := s.telemetry.startOperation(ctx, "Remember")
	defer func() { end(err) }()
	return s.Store.SaveReactivationHistory(ctx, key, head, history, resetBudget)
}

func (s instrumentedStore) Epoch(ctx context.Context, first int64) (e licensing.Epoch, err error) {
	ctx, end := s.telemetry.startOperation(ctx, "Epoch")
	defer func() {
		end(err)
		if err == nil && s.telemetry.Metrics != nil {
			s.telemetry.Metrics.SetEpoch(e.Value)
		}
	}()
	return s.Store.Epoch(ctx, first)
}

func (s instrumentedStore) Ready(ctx context.Context) (err error) {
	ctx, end := s.telemetry.startOperation(ctx, "Ready")
	defer func() { end(err) }()
	return s.Store.Ready(ctx)
}
