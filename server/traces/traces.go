// Package traces sends spans to a collector by OTLP over HTTP.
//
// Start with Open, which reads the standard variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME and the like).
// A span says what was done and how long it took, never with what: ids, addresses and texts of others stay out of it.
package traces

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes spans and sends them in the background. Without a collector that answers they are lost, and nothing waits for them.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Open reads the variables. It does not try to reach the collector; what goes wrong later is logged.
func Open(ctx context.Context, version string, log *slog.Logger) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("making the exporter of traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "onelicense"), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv()) // the later wins
	if err != nil {
		return nil, fmt.Errorf("describing the server for traces: %w", err)
	}
	// The library has one handler for the process; without ours it would write past the log.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are lost", "error", err) }))
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	return &Tracer{p, p.Tracer("github.com/onelicense/onelicense/server")}, nil
}

// Close sends what is left.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Span is work under way. The zero Span is none, and does nothing.
type Span struct{ span trace.Span }

// StartRequest begins the span of a request. It continues the trace that parent, a header traceparent, belongs to; empty or malformed: a new one.
func (t *Tracer) StartRequest(ctx context.Context, parent string) (context.Context, Span) {
	if parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
	}
	return t.start(ctx, "request", trace.SpanKindServer)
}

// Start begins the span of a part of the work.
func (t *Tracer) Start(ctx context.Context, name string) (context.Context, Span) {
	return t.start(ctx, name, trace.SpanKindInternal)
}

func (t *Tracer) start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{span}
}

// SetCode adds the verdict.
func (s Span) SetCode(code string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String("onelicense.code", code))
	}
}

// SetResponse names a request's span after its route and adds the outcome.
func (s Span) SetResponse(method, route string, status int) {
	if s.span == nil {
		return
	}
	s.span.SetName(method + " " + route)
	s.span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status))
	if status >= 500 {
		s.span.SetStatus(codes.Error, "")
	}
}

// End ends the span. Of a failure it says only that there was one: the log says which.
func (s Span) End(failed bool) {
	if s.span == nil {
		return
	}
	if failed {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// TraceID is the id of the trace that the work belongs to; empty when there is none, or when it is not sent.
func TraceID(ctx context.Context) string {
	if at := trace.SpanContextFromContext(ctx); at.IsSampled() {
		return at.TraceID().String()
	}
	return ""
}
