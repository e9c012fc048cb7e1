package server

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
)

// What one request may take, unless the settings say otherwise. Nothing that the server is asked for is large or slow, so a client that is
// slower than this holds a connection for nothing.
const (
	bodyLimit    = 64 * 1024
	headerLimit  = 16 * 1024
	readTimeout  = 15 * time.Second
	writeTimeout = 15 * time.Second
	idleTimeout  = 2 * time.Minute
)

func newApp(s *Server) *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:                 "onelicense",
		BodyLimit:               bodyLimit,
		ReadBufferSize:          headerLimit,
		ReadTimeout:             cmp.Or(s.config.ReadTimeout, readTimeout),
		WriteTimeout:            cmp.Or(s.config.WriteTimeout, writeTimeout),
		IdleTimeout:             cmp.Or(s.config.IdleTimeout, idleTimeout),
		Immutable:               true, // strings of a request may outlive it: they go to the store's writer
		StrictRouting:           true,
		CaseSensitive:           true, // one address for one thing
		DisableStartupMessage:   true,
		EnableTrustedProxyCheck: true,
		TrustedProxies:          prefixStrings(s.config.TrustedProxies),
		ProxyHeader:             fiber.HeaderXForwardedFor, // as forwarded leaves it
		// Forms are refused like every body that is not JSON, not taken apart first.
		DisablePreParseMultipartForm: true,
		ErrorHandler:                 s.errorHandler,
	})
	app.Server().CloseOnShutdown = true // so that kept connections move to another node
	app.Use(s.middleware)
	s.rejectAmbiguous(app)
	return app
}

// setRequestLimits gives the few requests that need it more than the limits of all; see api.Room. It is asked for each request anew, so nothing
// of it stays with the connection.
func (s *Server) setRequestLimits(management *api.API) {
	s.app.Server().HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		path, _, _ := strings.Cut(string(h.RequestURI()), "?")
		room := management.RequestLimits(context.Background(), string(h.Method()), path, func(name string) string { return string(h.Peek(name)) })
		return fasthttp.RequestConfig{MaxRequestBodySize: room.MaxBodyBytes, ReadTimeout: room.Timeout, WriteTimeout: room.Timeout}
	}
}

// middleware is everything that holds for all requests: an id, headers, one line of log, and an answer also after a panic. The log has the path
// without the query, and neither headers nor bodies: tokens travel there.
func (s *Server) middleware(c *fiber.Ctx) error {
	begun := time.Now()
	id := requestID()
	c.Set(fiber.HeaderXRequestID, id)
	c.SetUserContext(context.WithValue(c.UserContext(), requestIDKey{}, id))
	s.securityHeaders(c)
	s.normaliseForwardedFor(c)
	span := s.instrumentation.startRequest(c)
	err := rejectContentEncoding(c)
	if err == nil {
		err = recoverHandler(c)
	}
	route := routePattern(c, err)
	if err != nil {
		err = s.errorHandler(c, err)
	}
	took := time.Since(begun)
	s.instrumentation.finishRequest(c, span, route, took)
	status, level := c.Response().StatusCode(), slog.LevelInfo
	if status == http.StatusServiceUnavailable && len(c.Response().Header.Peek(fiber.HeaderRetryAfter)) == 0 {
		c.Set(fiber.HeaderRetryAfter, retryAfterSeconds)
	}
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	case isFrequent(c.Path()):
		level = slog.LevelDebug // a line for each sync would be most of the server's work
	}
	ctx := c.UserContext()
	if s.config.Log.Enabled(ctx, level) {
		s.config.Log.LogAttrs(ctx, level, "request", slog.String("method", c.Method()), slog.String("path", c.Path()),
			slog.Int("status", status), slog.Duration("took", took))
	}
	return err
}

// retryAfterSeconds is when a client may ask again while the store is away, in seconds.
const retryAfterSeconds = "5"

func isFrequent(path string) bool {
	return path == api.Prefix+"/sync" || path == "/livez" || path == "/readyz"
}

// securityHeaders sets the headers that keep a browser from guessing, remembering and passing on. Without CORS headers no page of another origin
// reads an answer.
func (s *Server) securityHeaders(c *fiber.Ctx) {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	if s.usesTLS() {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000") // this host only: what else its domain has is not ours to say
	}
}

// rejectContentEncoding refuses a body that is packed: the framework would unpack it, and a few kilobytes can become gigabytes.
func rejectContentEncoding(c *fiber.Ctx) error {
	if encoding := c.Request().Header.ContentEncoding(); len(encoding) > 0 && string(encoding) != "identity" {
		return problem.New(problem.UnsupportedMediaType, "a body with a Content-Encoding is not taken; send it as it is")
	}
	return nil
}

// recoverHandler makes an error of a panic.
func recoverHandler(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a handler panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return c.Next()
}

// problemByStatus is what the framework means by a status: its own refusals, from before and beside the handlers.
var problemByStatus = map[int]*problem.Problem{
	http.StatusNotFound:                    problem.New(problem.NoRoute, "there is nothing at this address"),
	http.StatusMethodNotAllowed:            problem.New(problem.MethodNotAllowed, "this address does not take this method; the header Allow lists those that it takes"),
	http.StatusRequestEntityTooLarge:       problem.New(problem.TooLarge, fmt.Sprintf("the body is larger than %d bytes", bodyLimit)),
	http.StatusRequestHeaderFieldsTooLarge: problem.New(problem.HeaderTooLarge, fmt.Sprintf("the header is larger than %d bytes", headerLimit)),
	http.StatusRequestTimeout:              problem.New(problem.Timeout, "the request did not come in time"),
	http.StatusBadRequest:                  problem.New(problem.Malformed, "this is not an HTTP request"),
}

// errorHandler answers an error. It is also called for requests that never reached a handler.
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
		s.config.Log.ErrorContext(c.UserContext(), "a request failed", "path", c.Path(), "error", err)
	}
	c.Set(fiber.HeaderContentType, problem.MediaType)
	return c.Status(p.Status).Send(p.JSON())
}

// requestID names one request in the log and to its sender. It is ours alone: a sender's own would let anybody write into the log.
func requestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
