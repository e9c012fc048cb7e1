package server

import (
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/metrics"
	"github.com/onelicense/onelicense/server/problem"
	"github.com/onelicense/onelicense/server/protocol"
	"github.com/onelicense/onelicense/server/traces"
)

// watch is who looks on: numbers, traces, both or nobody. Where nobody does, domain and store stand there bare.
type watch struct {
	metrics *metrics.Metrics
	traces  *traces.Tracer
}

func (w watch) nobody() bool { return w.metrics == nil && w.traces == nil }

// request begins the span of a request. Only a trusted proxy's trace is continued: a stranger's would let anybody have what he likes traced.
func (w watch) request(c *fiber.Ctx) traces.Span {
	if w.traces == nil {
		return traces.Span{}
	}
	parent := ""
	if c.IsProxyTrusted() {
		parent = c.Get("traceparent")
	}
	ctx, span := w.traces.Request(c.UserContext(), parent)
	c.SetUserContext(ctx)
	return span
}

// answered tells of a request's end.
func (w watch) answered(c *fiber.Ctx, span traces.Span, route string, took time.Duration) {
	if w.nobody() {
		return
	}
	status := c.Response().StatusCode()
	if w.metrics != nil {
		w.metrics.Request(route, c.Method(), status, took)
	}
	span.Answered(c.Method(), route, status)
	span.End(false)
}

// routeOf is the route that answered, as it was registered; "none" when none did. It is asked before the error becomes an answer.
func routeOf(c *fiber.Ctx, err error) string {
	var f *fiber.Error
	if errors.As(err, &f) {
		return "none"
	}
	return c.Route().Path
}

// service watches the domain.
func (w watch) service(s protocol.Service) protocol.Service {
	if w.nobody() {
		return s
	}
	return watchedService{s, w}
}

type watchedService struct {
	protocol.Service
	watch
}

func (w watchedService) Sync(ctx context.Context, body []byte, address string) (a licensing.Answer, err error) {
	var span traces.Span
	if w.traces != nil {
		ctx, span = w.traces.Start(ctx, "licensing.Sync")
	}
	a, err = w.Service.Sync(ctx, body, address)
	code := a.Refused
	if err != nil {
		code = problem.Of(err).Code
	} else if code == "" {
		code = license.CodeOK
	}
	if w.metrics != nil {
		w.metrics.Sync(string(code))
	}
	span.Code(string(code))
	span.End(code == license.CodeInternal || code == problem.Unavailable)
	return a, err
}

// around watches the store, as far as syncs use it: that is where the load is.
func (w watch) around(s store) store {
	if w.nobody() {
		return s
	}
	return watchedStore{s, w}
}

type watchedStore struct {
	store
	watch
}

// operation begins one; the function ends it.
func (w watch) operation(ctx context.Context, name string) (context.Context, func(error)) {
	var span traces.Span
	if w.traces != nil {
		ctx, span = w.traces.Start(ctx, "store."+name)
	}
	begun := time.Now()
	return ctx, func(err error) {
		failed := failure(err)
		if w.metrics != nil {
			w.metrics.Store(name, time.Since(begun), failed)
		}
		span.End(failed)
	}
}

// failure tells an error of the store from its refusals.
func failure(err error) bool {
	if err == nil {
		return false
	}
	code := problem.Of(err).Code
	return code == license.CodeInternal || code == problem.Unavailable
}

func (w watchedStore) KeysOf(ctx context.Context, product license.ID) (p licensing.Product, err error) {
	ctx, end := w.operation(ctx, "KeysOf")
	defer func() { end(err) }()
	return w.store.KeysOf(ctx, product)
}

func (w watchedStore) Terms(ctx context.Context, id license.ID) (t licensing.Terms, err error) {
	ctx, end := w.operation(ctx, "Terms")
	defer func() { end(err) }()
	return w.store.Terms(ctx, id)
}

func (w watchedStore) Activation(ctx context.Context, key licensing.ActivationKey) (a licensing.Activation, err error) {
	ctx, end := w.operation(ctx, "Activation")
	defer func() { end(err) }()
	return w.store.Activation(ctx, key)
}

func (w watchedStore) Advance(ctx context.Context, a licensing.Advance) (d lease.Document, err error) {
	ctx, end := w.operation(ctx, "Advance")
	defer func() { end(err) }()
	return w.store.Advance(ctx, a)
}

func (w watchedStore) Remember(ctx context.Context, key licensing.ActivationKey, head lease.Position, past licensing.Past, restores bool) (err error) {
	ctx, end := w.operation(ctx, "Remember")
	defer func() { end(err) }()
	return w.store.Remember(ctx, key, head, past, restores)
}

func (w watchedStore) Epoch(ctx context.Context, first int64) (e licensing.Epoch, err error) {
	ctx, end := w.operation(ctx, "Epoch")
	defer func() {
		end(err)
		if err == nil && w.metrics != nil {
			w.metrics.Epoch(e.Value)
		}
	}()
	return w.store.Epoch(ctx, first)
}

func (w watchedStore) Ready(ctx context.Context) (err error) {
	ctx, end := w.operation(ctx, "Ready")
	defer func() { end(err) }()
	return w.store.Ready(ctx)
}
