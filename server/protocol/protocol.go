// Package protocol is what programs speak to: one endpoint for everything that they ask, and the products' public keys. The relay serves
// it too.
//
// Start with Register. The handlers are bare fiber, since this is where the load is.
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

// Service answers what programs ask: syncs, and the public keys and statements of products.
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
//	GET  /products/{id}/keys the product's certificate, armored
//	GET  /products/{id}/list the product's newest statement: what is revoked, signed
//
// Everything unsigned is problem+json. A nil log is slog's default. Limited puts limits in front.
func Register(router fiber.Router, service Service, log *slog.Logger) {
	if log == nil {
		log = slog.Default()
	}
	h := handlers{service, log}
	router.Post("/sync", h.withProblems(h.sync))
	router.Get("/products/:id/keys", h.withProblems(h.publicKeys))
	router.Get("/products/:id/list", h.withProblems(h.revocations))
}

type handlers struct {
	service Service
	log     *slog.Logger
}

// The types of the answers.
const (
	signedTextType  = "text/plain; charset=utf-8"
	armoredKeysType = "application/pgp-keys"
)

func (h handlers) sync(c *fiber.Ctx) error {
	// Not c.Body, which copies, and unpacks what says that it is packed.
	body := c.Request().Body()
	if len(body) > lease.MaxRequest {
		return problem.New(problem.TooLarge, fmt.Sprintf("%d bytes, at most %d are allowed", len(body), lease.MaxRequest))
	}
	// The service keeps nothing of the body after it has answered: what it reads, it reads into its own memory.
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

// productParam is copied: fiber's strings end with the handler.
func productParam(c *fiber.Ctx) license.ID { return license.ID(strings.Clone(c.Params("id"))) }

// sendCacheable sends what anybody may keep for a minute, and asks about by its hash after that. For so long a revocation may be unknown where
// somebody keeps copies, beside what the clients' own intervals take.
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

// withProblems makes a problem of every error and of a panic.
func (h handlers) withProblems(next fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) (err error) {
		// Programs in browsers ask from any page. Nothing here goes by cookies, so any page may.
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
		c.Set(fiber.HeaderAccessControlExposeHeaders, fiber.HeaderRetryAfter)
		defer func() {
			if r := recover(); r != nil {
				h.log.ErrorContext(c.UserContext(), "a handler panicked", "path", c.Route().Path, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
				err = sendProblem(c, problem.New(license.CodeInternal, "the server failed; its log says why"))
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
