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
	"runtime/debug"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/license"
	"github.com/onelicense/onelicense/license/lease"
	"github.com/onelicense/onelicense/server/licensing"
	"github.com/onelicense/onelicense/server/problem"
)

// Service is what the endpoint needs of the domain.
type Service interface {
	Sync(ctx context.Context, body []byte, address string) (licensing.Answer, error)
	ProductKeyring(ctx context.Context, product license.ID) ([]byte, error)
}

// Register adds the routes:
//
//	POST /sync               a signed request; the answer is a signed lease or refusal
//	GET  /products/{id}/keys the product's certificate, armored
//
// Everything unsigned is problem+json. A nil log is slog's default. Limited puts limits in front.
func Register(router fiber.Router, service Service, log *slog.Logger) {
	if log == nil {
		log = slog.Default()
	}
	h := handlers{service, log}
	router.Post("/sync", h.guard(h.sync))
	router.Get("/products/:id/keys", h.guard(h.keys))
}

type handlers struct {
	service Service
	log     *slog.Logger
}

// The types of the answers.
const (
	signedText  = "text/plain; charset=utf-8"
	armoredKeys = "application/pgp-keys"
)

func (h handlers) sync(c *fiber.Ctx) error {
	body := c.Body()
	if len(body) > lease.MaxRequest {
		return problem.New(problem.TooLarge, fmt.Sprintf("%d bytes, at most %d are allowed", len(body), lease.MaxRequest))
	}
	// The service keeps nothing of the body after it has answered: what it reads, it reads into its own memory.
	answer, err := h.service.Sync(c.UserContext(), body, c.IP())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, signedText)
	c.Set(fiber.HeaderCacheControl, "no-store")
	if answer.Refused != "" {
		c.Status(problem.Status(answer.Refused))
		if answer.RetryAt != 0 {
			c.Set(fiber.HeaderRetryAfter, strconv.FormatInt(answer.RetryAfter(), 10))
		}
	}
	return c.Send(answer.Body)
}

func (h handlers) keys(c *fiber.Ctx) error {
	id := license.ID(string([]byte(c.Params("id")))) // fiber's strings end with the handler
	certificate, err := h.service.ProductKeyring(c.UserContext(), id)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, armoredKeys)
	return c.SendString(armor(certificate))
}

// guard makes a problem of every error and of a panic.
func (h handlers) guard(next fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) (err error) {
		// Programs in browsers ask from any page. Nothing here goes by cookies, so any page may.
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
		c.Set(fiber.HeaderAccessControlExposeHeaders, fiber.HeaderRetryAfter)
		defer func() {
			if r := recover(); r != nil {
				h.log.ErrorContext(c.UserContext(), "a handler panicked", "path", c.Route().Path, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
				err = send(c, problem.New(license.CodeInternal, "the server failed; its log says why"))
			}
		}()
		if err = next(c); err == nil {
			return nil
		}
		if limit := (*tooMany)(nil); errors.As(err, &limit) {
			limit.header(c)
		}
		p := problem.Of(err)
		if p.Code == license.CodeInternal {
			h.log.ErrorContext(c.UserContext(), "a request failed", "path", c.Route().Path, "error", err)
		}
		return send(c, p)
	}
}

func send(c *fiber.Ctx, p *problem.Problem) error {
	c.Set(fiber.HeaderContentType, problem.MediaType)
	return c.Status(p.Status).Send(p.JSON())
}
