// Package telemetry observes a running server: log records with request ids, metrics, traces, and the wrappers that measure the licensing
// service and the store.
//
// Start with Telemetry and NewLogger. Packages metrics and traces below it do the exporting.
package telemetry

import (
	"context"
	"time"

	"github.com/onelicense/onelicense/server/telemetry/metrics"
	"github.com/onelicense/onelicense/server/telemetry/traces"
)

// Telemetry collects metrics, traces, both or neither. Its zero value collects nothing and wraps nothing.
type Telemetry struct {
	Metrics *metrics.Metrics // nil: no metrics
	Traces  *traces.Tracer   // nil: no traces
}

func (t Telemetry) disabled() bool { return t.Metrics == nil && t.Traces == nil }

// StartRequest begins the span of an HTTP request. Parent is the header traceparent if its sender is trusted, or else empty: a stranger's
// would let anybody choose what is traced.
func (t Telemetry) StartRequest(ctx context.Context, parent string) (context.Context, traces.Span) {
	if t.Traces == nil {
		return ctx, traces.Span{}
	}
	return t.Traces.StartRequest(ctx, parent)
}

// FinishRequest counts a request and ends its span. Route is the route's pattern as registered, never the path that was sent.
func (t Telemetry) FinishRequest(span traces.Span, method, route string, status int, duration time.Duration) {
	if t.Metrics != nil {
		t.Metrics.ObserveRequest(route, method, status, duration)
	}
	span.SetResponse(method, route, status)
	span.End(false)
}

// RateLimited counts a sync that was refused for its rate, by "address" or "license".
func (t Telemetry) RateLimited(by string) {
	if t.Metrics != nil {
		t.Metrics.CountRateLimited(by)
	}
}
