package server

import (
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/licensing/leasing"
	"github.com/onelicense/onelicense/server/metrics"
	"github.com/onelicense/onelicense/server/problem"
	"github.com/onelicense/onelicense/server/protocol"
	"github.com/onelicense/onelicense/server/traces"
)

// instrumentation is who looks on: numbers, traces, both or nobody. Where nobody does, domain and store stand there bare.
type instrumentation struct {
	metrics *metrics.Metrics
	traces  *traces.Tracer
}

func (w instrumentation) disabled() bool { return w.metrics == nil && w.traces == nil }

// startRequest begins the span of a request. Only a trusted proxy's trace is continued: a stranger's would let anybody have what he likes traced.
func (w instrumentation) startRequest(c *fiber.Ctx) traces.Span {
	if w.traces == nil {
		return traces.Span{}
	}
	parent := ""
	if c.IsProxyTrusted() {
		parent = c.Get("traceparent")
	}
	ctx, span := w.traces.StartRequest(c.UserContext(), parent)
	c.SetUserContext(ctx)
	return span
}

// finishRequest tells of a request's end.
func (w instrumentation) finishRequest(c *fiber.Ctx, span traces.Span, route string, took time.Duration) {
	if w.disabled() {
		return
	}
	status := c.Response().StatusCode()
	if w.metrics != nil {
		w.metrics.ObserveRequest(route, c.Method(), status, took)
	}
	span.SetResponse(c.Method(), route, status)
	span.End(false)
}

// routePattern is the route that answered, as it was registered; "none" when none did. It is asked before the error becomes an answer.
func routePattern(c *fiber.Ctx, err error) string {
	var f *fiber.Error
	if errors.As(err, &f) {
		return "none"
	}
	return c.Route().Path
}

// wrapService watches the domain.
func (w instrumentation) wrapService(s protocol.Service) protocol.Service {
	if w.disabled() {
		return s
	}
	return instrumentedService{s, w}
}

type instrumentedService struct {
	protocol.Service
	instrumentation
}

func (w instrumentedService) Sync(ctx context.Context, body []byte, address string) (a leasing.Answer, err error) {
	var span traces.Span
	if w.traces != nil {
		ctx, span = w.traces.Start(ctx, "licensing.Sync")
	}
	a, err = w.Service.Sync(ctx, body, address)
	code := a.Refused
	if err != nil {
		code = problem.FromError(err).Code
	} else if code == "" {
		code = license.CodeOK
	}
	if w.metrics != nil {
		w.metrics.CountSync(string(code))
	}
	span.SetCode(string(code))
	span.End(code == license.CodeInternal || code == problem.Unavailable)
	return a, err
}

// wrapStore watches the store, as far as syncs use it: that is where the load is.
func (w instrumentation) wrapStore(s store) store {
	if w.disabled() {
		return s
	}
	return instrumentedStore{s, w}
}

type instrumentedStore struct {
	store
	instrumentation
}

// startOperation begins one; the function ends it.
func (w instrumentation) startOperation(ctx context.Context, name string) (context.Context, func(error)) {
	var span traces.Span
	if w.traces != nil {
		ctx, span = w.traces.Start(ctx, "store."+name)
	}
	begun := time.Now()
	return ctx, func(err error) {
		failed := isFailure(err)
		if w.metrics != nil {
			w.metrics.ObserveStore(name, time.Since(begun), failed)
		}
		span.End(failed)
	}
}

// isFailure tells an error of the store from its refusals.
func isFailure(err error) bool {
	if err == nil {
		return false
	}
	code := problem.FromError(err).Code
	return code == license.CodeInternal || code == problem.Unavailable
}

func (w instrumentedStore) ProductWithKeys(ctx context.Context, product license.ID) (p licensing.Product, err error) {
	ctx, end := w.startOperation(ctx, "KeysOf")
	defer func() { end(err) }()
	return w.store.ProductWithKeys(ctx, product)
}

func (w instrumentedStore) LicenseContext(ctx context.Context, id license.ID) (t licensing.LicenseContext, err error) {
	ctx, end := w.startOperation(ctx, "Terms")
	defer func() { end(err) }()
	return w.store.LicenseContext(ctx, id)
}

func (w instrumentedStore) Activation(ctx context.Context, key licensing.ActivationKey) (a licensing.Activation, err error) {
	ctx, end := w.startOperation(ctx, "Activation")
	defer func() { end(err) }()
	return w.store.Activation(ctx, key)
}

func (w instrumentedStore) Advance(ctx context.Context, a licensing.Advance) (d lease.Document, err error) {
	ctx, end := w.startOperation(ctx, "Advance")
	defer func() { end(err) }()
	return w.store.Advance(ctx, a)
}

func (w instrumentedStore) SaveReactivationHistory(ctx context.Context, key licensing.ActivationKey, head lease.Position, past licensing.ReactivationHistory, restores bool) (err error) {
	ctx, end := w.startOperation(ctx, "Remember")
	defer func() { end(err) }()
	return w.store.SaveReactivationHistory(ctx, key, head, past, restores)
}

func (w instrumentedStore) Epoch(ctx context.Context, first int64) (e licensing.Epoch, err error) {
	ctx, end := w.startOperation(ctx, "Epoch")
	defer func() {
		end(err)
		if err == nil && w.metrics != nil {
			w.metrics.SetEpoch(e.Value)
		}
	}()
	return w.store.Epoch(ctx, first)
}

func (w instrumentedStore) Ready(ctx context.Context) (err error) {
	ctx, end := w.startOperation(ctx, "Ready")
	defer func() { end(err) }()
	return w.store.Ready(ctx)
}
