package httpd

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/server/api"
)

// Landing pages answer the one-time links with text for a command line. Opening a link changes nothing: mail scanners open links too.

func (s *Server) registerLandingPages() {
	s.app.Get("/setup", s.setupPage)
	for path := range linkPages {
		s.app.Get(path, s.linkPage)
	}
}

// setupPage explains how to create the first owner. It checks the token's form only, since the token goes into a shell command.
func (s *Server) setupPage(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	owned, err := s.options.HasOwner(c.UserContext())
	if err != nil {
		return err
	}
	if owned && !strings.Contains(tokenFromQuery(c), "_") {
		return c.SendString("This server is already set up. To log in, POST e-mail address and password to " + api.Prefix + "/session.\n")
	}
	return c.SendString(fmt.Sprintf(`Create the organisation and its owner with this one-time token (each start prints a new one until then):

curl -c cookies -H 'Content-Type: application/json' %s%s/setup \
  -d '{"token":"%s","organisation":"Your company","name":"Your name",
       "email":"you@example.com","password":"12 characters or more"}'

The response contains the csrf_token to send as X-CSRF-Token with every request except GET; the file cookies contains the session.
`, s.CurrentURL(), api.Prefix, tokenOrPlaceholder(c)))
}

// linkPages describes the other links that are mailed or passed on, by path.
var linkPages = map[string]struct{ purpose, route, members string }{
	"/invitation": {"Accept the invitation to join the organisation", "/accept-invitation",
		`,"name":"Your name","password":"12 characters or more"`},
	"/verification": {"Verify your e-mail address", "/email/verify", ""},
	"/reset":        {"Set a new password", "/password/reset", `,"password":"12 characters or more"`},
}

func (s *Server) linkPage(c *fiber.Ctx) error {
	p := linkPages[c.Path()]
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.SendString(fmt.Sprintf(`%s with the one-time token of this link:

curl -H 'Content-Type: application/json' %s%s%s \
  -d '{"token":"%s"%s}'
`, p.purpose, s.CurrentURL(), api.Prefix, p.route, tokenOrPlaceholder(c), p.members))
}

var tokenForm = regexp.MustCompile(`^([0-9a-f]{24}_)?[0-9a-f]{64}$`)

// tokenFromQuery returns the token in the address, or "" when it does not have the form of one: the server's, or one with an id.
func tokenFromQuery(c *fiber.Ctx) string {
	if token := c.Query("token"); tokenForm.MatchString(token) {
		return token
	}
	return ""
}

func tokenOrPlaceholder(c *fiber.Ctx) string {
	if token := tokenFromQuery(c); token != "" {
		return token
	}
	return "TOKEN"
}
