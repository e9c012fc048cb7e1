package httpd

import (
	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/server/problem"
)

// registerHealth registers the routes that supervisors and load balancers poll. They need no login and disclose nothing.
func (s *Server) registerHealth() {
	s.app.Get("/livez", func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	s.app.Get("/readyz", func(c *fiber.Ctx) error {
		if s.draining.Load() {
			return problem.New(problem.Unavailable, "the server is shutting down")
		}
		if err := s.options.Ready(c.UserContext()); err != nil {
			s.options.Log.ErrorContext(c.UserContext(), "the store is not ready", "error", err)
			return problem.New(problem.Unavailable, "the store is unavailable; see the server's log")
		}
		return c.SendString("ok\n")
	})
}
