// Package protocol serves the endpoints that programs use: the sync, and the public keys and revocation lists of products. The relay serves
// them too.
//
// Start with Register. The handlers use fiber directly, since they carry the load.
package protocol

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing/leasing"
	"github.com/onelicense/onelicense/server/problem"
)

// Service answers what programs ask: syncs, and the public keys and revocation lists of products.
type Service interface {
	Syncer
	KeySource
}

// Syncer answers syncs.
type Syncer interface {
	Sync(ctx context.Context, body []byte, address string) (leasing.Answer, error)
}

// KeySource gives out what is public of a product's keys.
type KeySource interface {
	ProductKeyring(ctx context.Context, product license.ID) ([]byte, error)
	RevocationList(ctx context.Context, product license.ID) ([]byte, error)
}

// Join returns a service of two parts.
func Join(syncs Syncer, keys KeySource) Service {
	return struct {
		Syncer
		KeySource
	}{syncs, keys}
}

// Register adds the routes:
//
//	POST /sync               a signed request; the answer is a signed lease or refusal
//	GET  /products/{id}/public-keys the product's certificate, armored
//	GET  /products/{id}/revocations the product's newest statement: its revocation list, signed
//
// Everything unsigned is problem+json. A nil log is slog.Default. WithRateLimits adds rate limits to a service.
func Register(router fiber.Router, service Service, log *slog.Logger) {
	if log == nil {
		log = slog.Default()
	}
	h := handlers{service, log}
	router.Post("/sync", h.withProblems(h.sync))
	router.Get("/products/:id/public-keys", h.withProblems(h.publicKeys))
	router.Get("/products/:id/revocations", h.withProblems(h.revocations))
}

// handlers serve the routes.
type handlers struct {
	service Service
	log     *slog.Logger
}

// The content types of the answers.
const (
	signedTextType  = "text/plain; charset=utf-8"
	armoredKeysType = "application/pgp-keys"
)

func (h handlers) sync(c *fiber.Ctx) error {
	// Not c.Body, which copies the body and decompresses it.
	body := c.Request().Body()
	if len(body) > lease.MaxRequest {
		return problem.New(problem.TooLarge, fmt.Sprintf("the request has %d bytes, at most %d are allowed", len(body), lease.MaxRequest))
	}
	// The service keeps no reference to the body after it has answered.
	answer, err := h.service.Sync(c.UserContext(), body, c.IP())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, signedTextType)
	c.Set(fiber.HeaderCacheControl, "no-store")
	if answer.Refused != "" {
		c.Status(problem.Status(answer.Refused))
		if answer.RetryAt != 0 {
			c.Set(fiber.HeaderRetryAfter, strconv.FormatInt(answer.RetryAfter(), 10))
		}
	}
	return c.Send(answer.Body)
}

func (h handlers) publicKeys(c *fiber.Ctx) error {
	certificate, err := h.service.ProductKeyring(c.UserContext(), productParam(c))
	if err != nil {
		return err
	}
	return sendCacheable(c, armoredKeysType, []byte(armor(certificate)))
}

func (h handlers) revocations(c *fiber.Ctx) error {
	id := productParam(c)
	text, err := h.service.RevocationList(c.UserContext(), id)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf(`attachment; filename="%s.list"`, id))
	return sendCacheable(c, signedTextType, text)
}

// productParam returns the product id of the path. It is a copy, since strings of fiber are valid only until the handler returns.
func productParam(c *fiber.Ctx) license.ID { return license.ID(strings.Clone(c.Params("id"))) }

// sendCacheable sends a public document that may be cached for a minute and is revalidated by its hash (ETag). For that long a cached copy
// may lack a revocation, in addition to the interval of the clients.
func sendCacheable(c *fiber.Ctx, kind string, body []byte) error {
	tag := `"` + string(lease.HashOf(body)) + `"`
	c.Set(fiber.HeaderCacheControl, "public, max-age=60")
	c.Set(fiber.HeaderETag, tag)
	if c.Get(fiber.HeaderIfNoneMatch) == tag {
		return c.SendStatus(http.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, kind)
	return c.Send(body)
}

// withProblems returns a handler that answers errors and panics with a problem document.
func (h handlers) withProblems(next fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) (err error) {
		// Programs in browsers send requests from any origin. No route uses cookies, so any origin is allowed.
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
		c.Set(fiber.HeaderAccessControlExposeHeaders, fiber.HeaderRetryAfter)
		defer func() {
			if r := recover(); r != nil {
				h.log.ErrorContext(c.UserContext(), "a handler panicked", "path", c.Route().Path, "panic", fmt.Sprint(r),
					"stack", string(debug.Stack()))
				err = sendProblem(c, problem.New(license.CodeInternal, "internal error; see the server log"))
			}
		}()
		if err = next(c); err == nil {
			return nil
		}
		if limit := (*rateLimitError)(nil); errors.As(err, &limit) {
			limit.setRetryAfter(c)
		}
		p := problem.FromError(err)
		if p.Code == license.CodeInternal {
			h.log.ErrorContext(c.UserContext(), "a request failed", "path", c.Route().Path, "error", err)
		}
		return sendProblem(c, p)
	}
}

func sendProblem(c *fiber.Ctx, p *problem.Problem) error {
	c.Set(fiber.HeaderContentType, problem.MediaType)
	return c.Status(p.Status).Send(p.JSON())
}
