package httpd

import (
	"bytes"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/onelicense/onelicense/server/problem"
)

// rejectAmbiguous wraps the framework's handler. It refuses requests that the framework would accept although they have more than one
// meaning, and those that it would answer in plain text.
func rejectAmbiguous(app *fiber.App) {
	next := app.Server().Handler
	app.Server().Handler = func(c *fasthttp.RequestCtx) {
		if reason := ambiguity(c.Request.Header.RawHeaders()); reason != "" {
			// The bytes behind it may be a part of it.
			c.SetConnectionClose()
			writeRawProblem(c, problem.New(problem.Malformed, reason))
			return
		}
		if !slices.Contains(fiber.DefaultMethods, string(c.Method())) {
			// An unknown method is answered like TRACE, which no route supports: with the methods that the path allows.
			c.Request.Header.SetMethod(fiber.MethodTrace)
		}
		next(c)
	}
}

func writeRawProblem(c *fasthttp.RequestCtx, p *problem.Problem) {
	c.Response.Header.Set(fiber.HeaderContentType, problem.MediaType)
	c.Response.Header.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.SetStatusCode(p.Status)
	c.SetBody(p.JSON())
}

// ambiguity returns why a proxy might read these headers differently than this server does, and so see other requests in the same bytes
// (RFC 9112, sections 3.2, 5.1, 5.2 and 6). It returns "" when no proxy would.
func ambiguity(headers []byte) string {
	var hosts, lengths, codings int
	for line := range bytes.Lines(headers) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		switch {
		case line[0] == ' ' || line[0] == '\t':
			return "a header field continues on a second line; send it on one line"
		case !ok || bytes.ContainsAny(name, " \t"):
			return "malformed header field"
		case bytes.EqualFold(name, []byte("Host")):
			hosts++
		case bytes.EqualFold(name, []byte("Content-Length")):
			lengths++
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			codings++
			// The framework takes every value but identity for chunked.
			if !bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked")) {
				return "unsupported Transfer-Encoding; use chunked"
			}
		}
	}
	if hosts > 1 {
		return "more than one Host header"
	}
	if lengths+codings > 1 {
		return "more than one Content-Length or Transfer-Encoding header"
	}
	return ""
}
