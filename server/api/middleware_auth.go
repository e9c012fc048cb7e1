package api

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/onelicense/onelicense/server/access"
	"github.com/onelicense/onelicense/server/licensing"
)

// The names on the wire.
const (
	sessionCookie = "onelicense_session"
	csrfHeader    = "X-CSRF-Token"
)

type contextKey int

const (
	identityKey  contextKey = iota // access.Identity
	addressKey                     // string: where the request came from
	requestIDKey                   // string: its name in the server's log
	auditNoteKey                   // *note: for the audit log
	callKey                        // *call
)

// authMiddleware lets a request through to its handler when its sender may take the route's action. It looks in this order: the session or
// token, the CSRF token, the role and scope, the kind of body; so a stranger learns nothing about what lies behind.
func (a *API) authMiddleware(op operation) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		ctx := context.WithValue(hc.Context(), addressKey, humafiber.Unwrap(hc).IP())
		ctx = context.WithValue(ctx, requestIDKey, string(humafiber.Unwrap(hc).Response().Header.Peek("X-Request-ID")))
		var who access.Identity
		if op.action != access.ActionAnyone {
			var err error
			if who, err = a.identify(ctx, hc, op); err != nil {
				a.writeProblem(hc, a.toProblem(ctx, err))
				return
			}
			ctx = context.WithValue(ctx, identityKey, who)
		}
		// A page of another origin can send a form or plain text without asking, but not JSON. This is what guards the routes that
		// have no session yet, and keeps one way to write a body.
		if hasBody := len(humafiber.Unwrap(hc).Body()) > 0; hasBody {
			if kind, _, err := mime.ParseMediaType(hc.Header("Content-Type")); err != nil || !op.acceptsMediaType(kind) {
				a.writeProblem(hc, unsupportedMediaType(op))
				return
			}
		}
		if err := validateQuery(hc); err != nil {
			a.writeProblem(hc, a.toProblem(ctx, err))
			return
		}
		if o := hc.Operation(); o.RequestBody != nil && o.RequestBody.Content["application/json"] != nil {
			if err := a.rejectNulls(o.RequestBody.Content["application/json"].Schema, humafiber.Unwrap(hc).Body()); err != nil {
				a.writeProblem(hc, a.toProblem(ctx, err))
				return
			}
		}
		c := &call{}
		if !isSafeMethod(op.method) {
			var err error
			if c.ifMatch, err = parseIfMatch(hc.Header("If-Match")); err != nil {
				a.writeProblem(hc, a.toProblem(ctx, err))
				return
			}
		}
		handle := func(ctx context.Context) {
			next(huma.WithContext(hc, context.WithValue(ctx, callKey, c)))
			c.setETag(hc)
		}
		key := hc.Header(idempotencyHeader)
		if key == "" || !op.takesIdempotencyKey() {
			handle(ctx)
		} else if err := a.handleIdempotent(huma.WithContext(hc, ctx), who, op, key, handle); err != nil {
			a.writeProblem(hc, a.toProblem(ctx, err))
		}
	}
}

// clientAddress returns the address that the request came from.
func clientAddress(ctx context.Context) string {
	at, _ := ctx.Value(addressKey).(string)
	return at
}

// validateQuery refuses a parameter that is there and says nothing, where nothing is no value, and what is there twice or cannot be read:
// the framework would take it for one that is not there, and answer a list without its filter.
func validateQuery(hc huma.Context) error {
	u := hc.URL()
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return &licensing.Invalid{Field: "query", Problem: "is malformed; parameters must be URL-encoded"}
	}
	for _, p := range hc.Operation().Parameters {
		values, given := query[p.Name]
		if p.In != "query" || !given || p.Schema == nil {
			continue
		}
		if len(values) > 1 && p.Schema.Type != huma.TypeArray {
			return &licensing.Invalid{Field: p.Name, Problem: "is given more than once"}
		}
		if values[0] != "" {
			continue
		}
		if p.Schema.Type != huma.TypeString || len(p.Schema.Enum) > 0 || p.Schema.Pattern != "" || p.Schema.Format != "" {
			return &licensing.Invalid{Field: p.Name, Problem: "is empty"}
		}
	}
	return nil
}

// identify tells who sends the request, and that they may. A token in the header Authorization wins over a cookie, and if it is bad the
// cookie does not help: whoever put it there wanted its scope to hold. It needs no CSRF token, for no browser adds it by itself.
func (a *API) identify(ctx context.Context, hc huma.Context, op operation) (who access.Identity, err error) {
	if header := hc.Header("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return who, &access.Error{Code: "bad_token", Detail: "the header Authorization is not of the form Bearer <token>"}
		}
		who, err = a.Access.AuthenticateToken(ctx, strings.TrimSpace(secret), clientAddress(ctx))
	} else {
		who, err = a.identifySession(ctx, hc, op)
	}
	if err != nil {
		return who, err
	}
	return who, who.May(op.action)
}

func (a *API) identifySession(ctx context.Context, hc huma.Context, op operation) (access.Identity, error) {
	token := ""
	if cookie, err := huma.ReadCookie(hc, a.sessionCookieName()); err == nil {
		token = cookie.Value
	}
	who, err := a.Access.Authenticate(ctx, token)
	if err == nil && !isSafeMethod(op.method) {
		err = who.CheckCSRF(hc.Header(csrfHeader))
	}
	return who, err
}

// sessionCookieName is such that over TLS no other host of the same domain can set a cookie of this name, and so a session of its own
// (RFC 6265bis, section 4.1.3.2).
func (a *API) sessionCookieName() string {
	if a.Secure {
		return "__Host-" + sessionCookie
	}
	return sessionCookie
}

// newSessionCookie holds a session's token. No script can read it, and other sites' requests do not carry it but when a person follows a
// link.
func (a *API) newSessionCookie(token string) http.Cookie {
	c := http.Cookie{
		Name: a.sessionCookieName(), Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.Secure,
		MaxAge: int(access.SessionLifetime / time.Second),
	}
	if token == "" {
		c.MaxAge = -1 // the browser forgets it
	}
	return c
}
