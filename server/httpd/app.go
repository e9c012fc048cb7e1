package httpd

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/server/api"
	"github.com/onelicense/onelicense/server/problem"
	"github.com/onelicense/onelicense/server/telemetry"
)

// Limits of one request, unless the options say otherwise. No request needs to be large or slow, so a client that is slower than this holds
// a connection for nothing.
const (
	bodyLimit    = 64 * 1024
	headerLimit  = 16 * 1024
	readTimeout  = 15 * time.Second
	writeTimeout = 15 * time.Second
	idleTimeout  = 2 * time.Minute
)

func (s *Server) newApp() *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:                 "onelicense",
		BodyLimit:               bodyLimit,
		ReadBufferSize:          headerLimit,
		ReadTimeout:             cmp.Or(s.options.ReadTimeout, readTimeout),
		WriteTimeout:            cmp.Or(s.options.WriteTimeout, writeTimeout),
		IdleTimeout:             cmp.Or(s.options.IdleTimeout, idleTimeout),
		Immutable:               true, // strings of a request may outlive it: they go to the store's writer
		StrictRouting:           true,
		CaseSensitive:           true, // one address for one thing
		DisableStartupMessage:   true,
		EnableTrustedProxyCheck: true,
		TrustedProxies:          prefixStrings(s.options.TrustedProxies),
		ProxyHeader:             fiber.HeaderXForwardedFor, // as normaliseForwardedFor leaves it
		// Forms are refused like every body that is not JSON, without parsing them first.
		DisablePreParseMultipartForm: true,
		ErrorHandler:                 s.errorHandler,
	})
	app.Server().CloseOnShutdown = true // so that kept connections move to another node
	app.Use(s.middleware)
	rejectAmbiguous(app)
	return app
}

// setRequestLimits gives the few routes that need them larger limits than all others have; see api.RequestLimits. The limits are looked
// up for each request, so none of them stays with the connection.
func (s *Server) setRequestLimits(management *api.API) {
	s.app.Server().HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		path, _, _ := strings.Cut(string(h.RequestURI()), "?")
		header := func(name string) string { return string(h.Peek(name)) }
		limits := management.RequestLimits(context.Background(), string(h.Method()), path, header)
		return fasthttp.RequestConfig{
			MaxRequestBodySize: limits.MaxBodyBytes, ReadTimeout: limits.Timeout, WriteTimeout: limits.Timeout,
		}
	}
}

// middleware does what holds for all requests: it gives them an id and the security headers, logs one line, observes them, and answers also
// after a panic. The log has the path without the query, and neither headers nor bodies: tokens travel there.
func (s *Server) middleware(c *fiber.Ctx) error {
	start := time.Now()
	id := newRequestID()
	c.Set(fiber.HeaderXRequestID, id)
	s.securityHeaders(c)
	s.normaliseForwardedFor(c)
	traceParent := ""
	if c.IsProxyTrusted() {
		traceParent = c.Get("traceparent")
	}
	ctx, span := s.options.Telemetry.StartRequest(telemetry.WithRequestID(c.UserContext(), id), traceParent)
	c.SetUserContext(ctx)
	err := rejectContentEncoding(c)
	if err == nil {
		err = recoverHandler(c)
	}
	route := routePattern(c, err) // before the error becomes a response
	if err != nil {
		err = s.errorHandler(c, err)
	}
	duration := time.Since(start)
	status, level := c.Response().StatusCode(), slog.LevelInfo
	s.options.Telemetry.FinishRequest(span, c.Method(), route, status, duration)
	if status == http.StatusServiceUnavailable && len(c.Response().Header.Peek(fiber.HeaderRetryAfter)) == 0 {
		c.Set(fiber.HeaderRetryAfter, retryAfterSeconds)
	}
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	case isFrequent(c.Path()):
		level = slog.LevelDebug // a line for each sync would be most of the server's work
	}
	if s.options.Log.Enabled(ctx, level) {
		s.options.Log.LogAttrs(ctx, level, "request", slog.String("method", c.Method()), slog.String("path", c.Path()),
			slog.Int("status", status), slog.Duration("duration", duration))
	}
	return err
}

// retryAfterSeconds tells clients when to retry while the store is unavailable.
const retryAfterSeconds = "5"

// isFrequent reports whether requests of a path are too many to be logged by default.
func isFrequent(path string) bool {
	return path == api.Prefix+"/sync" || path == "/livez" || path == "/readyz"
}

// routePattern returns the pattern of the route that answered, or "none".
func routePattern(c *fiber.Ctx, err error) string {
	var f *fiber.Error
	if errors.As(err, &f) {
		return "none"
	}
	return c.Route().Path
}

// securityHeaders sets the headers that keep a browser from guessing types, caching and leaking addresses. Without CORS headers no page of
// another origin reads a response.
func (s *Server) securityHeaders(c *fiber.Ctx) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	if s.usesTLS() {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000") // this host only: its domain's other hosts are not ours to commit
	}
}

// rejectContentEncoding refuses a compressed body: the framework would decompress it, and a few kilobytes can become gigabytes.
func rejectContentEncoding(c *fiber.Ctx) error {
	if encoding := c.Request().Header.ContentEncoding(); len(encoding) > 0 && string(encoding) != "identity" {
		return problem.New(problem.UnsupportedMediaType, "Content-Encoding is not supported; send the body uncompressed")
	}
	return nil
}

// recoverHandler calls the next handler and turns a panic into an error.
func recoverHandler(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a handler panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return c.Next()
}

// problemByStatus maps the framework's own refusals, which happen before or outside the handlers.
var problemByStatus = map[int]*problem.Problem{
	http.StatusNotFound: problem.New(problem.NoRoute, "no such path; "+api.Prefix+"/openapi.json lists those of the API"),
	http.StatusMethodNotAllowed: problem.New(problem.MethodNotAllowed,
		"this path does not support the method; the header Allow lists those it supports"),
	http.StatusRequestEntityTooLarge: problem.New(problem.TooLarge,
		fmt.Sprintf("the body is larger than %d bytes", bodyLimit)),
	http.StatusRequestHeaderFieldsTooLarge: problem.New(problem.HeaderTooLarge,
		fmt.Sprintf("the request headers are larger than %d bytes", headerLimit)),
	http.StatusRequestTimeout: problem.New(problem.Timeout, "the request was not received in time"),
	http.StatusBadRequest:     problem.New(problem.Malformed, "malformed HTTP request"),
}

// errorHandler answers an error with a problem document. The framework also calls it for requests that never reached a handler.
func (s *Server) errorHandler(c *fiber.Ctx, err error) error {
	var p *problem.Problem
	var f *fiber.Error
	if errors.As(err, &f) && problemByStatus[f.Code] != nil {
		p = problemByStatus[f.Code]
		s.securityHeaders(c)
	} else {
		p = problem.FromError(err)
	}
	if p.Code == license.CodeInternal {
		s.options.Log.ErrorContext(c.UserContext(), "request failed", "path", c.Path(), "error", err)
	}
	c.Set(fiber.HeaderContentType, problem.MediaType)
	return c.Status(p.Status).Send(p.JSON())
}

// newRequestID returns a random id that names one request in the log and to its sender. A sender's own id is not taken: it would let
// anybody write into the log.
func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
