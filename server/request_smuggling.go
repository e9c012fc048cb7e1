package server

import (
	"bytes"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/onelicense/onelicense/server/problem"
)

// What the framework would answer in plain text, or would understand though it has more than one meaning.

// rejectAmbiguous stands before the framework.
func (s *Server) rejectAmbiguous(app *fiber.App) {
	known := app.Server().Handler
	app.Server().Handler = func(c *fasthttp.RequestCtx) {
		if why := ambiguity(c.Request.Header.RawHeaders()); why != "" {
			// Whatever comes behind it may be a part of it.
			c.SetConnectionClose()
			writeRawProblem(c, problem.New(problem.Malformed, why))
			return
		}
		if !slices.Contains(fiber.DefaultMethods, string(c.Method())) {
			// It takes the place of a method that no address takes, and is told which ones this address takes.
			c.Request.Header.SetMethod(fiber.MethodTrace)
		}
		known(c)
	}
}

func writeRawProblem(c *fasthttp.RequestCtx, p *problem.Problem) {
	c.Response.Header.Set(fiber.HeaderContentType, problem.MediaType)
	c.Response.Header.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.SetStatusCode(p.Status)
	c.SetBody(p.JSON())
}

// ambiguity says why a proxy might read these headers otherwise than this server does, and so see other requests in the same bytes
// (RFC 9112, sections 3.2, 5.1, 5.2 and 6); empty when it would not.
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
			return "a header goes on in the next line"
		case !ok || bytes.ContainsAny(name, " \t"):
			return "a line of the header is none"
		case bytes.EqualFold(name, []byte("Host")):
			hosts++
		case bytes.EqualFold(name, []byte("Content-Length")):
			lengths++
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			codings++
			if !bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked")) { // the framework takes every other word for it, but identity
				return "the body is in a coding that is not chunked"
			}
		}
	}
	if hosts > 1 {
		return "the host is said twice"
	}
	if lengths+codings > 1 {
		return "the length of the body is said in two ways"
	}
	return ""
}
