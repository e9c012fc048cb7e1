package server

import (
	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/server/problem"
)

// registerHealth registers what supervisors ask. Both are open to everybody and say nothing.
func (s *Server) registerHealth() {
	s.app.Get("/livez", func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	s.app.Get("/readyz", func(c *fiber.Ctx) error {
		if s.draining.Load() {
			return problem.New(problem.Unavailable, "the server is stopping")
		}
		if err := s.store.Ready(c.UserContext()); err != nil {
			s.config.Log.ErrorContext(c.UserContext(), "the store is not ready", "error", err)
			return problem.New(problem.Unavailable, "the store does not answer; the log says why")
		}
		return c.SendString("ok\n")
	})
}
