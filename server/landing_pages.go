package server

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/onelicense/onelicense/server/api"
)

// setupPage says how to make the first owner. The token is not checked here, only its form: it goes into a command for a shell.
func (s *Server) setupPage(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	owned, err := s.store.HasOwner(c.UserContext())
	if err != nil {
		return err
	}
	if owned && !strings.Contains(tokenFromQuery(c), "_") {
		return c.SendString("This server has an owner. To log in, POST e-mail and password to " + api.Prefix + "/session.\n")
	}
	return c.SendString(fmt.Sprintf(`Make the organisation and its owner, once, with this token (the server prints a new one at each start until then):

curl -c cookies -H 'Content-Type: application/json' %s%s/setup \
  -d '{"token":"%s","organisation":"Your company","name":"Your name","email":"you@example.com","password":"12 characters or more"}'

The answer holds the csrf_token to be sent as X-CSRF-Token with every request but GET; the file cookies holds the session.
`, s.URL(s.listenerAddress()), api.Prefix, tokenOrPlaceholder(c)))
}

// linkPages say the same of the other links that are mailed or passed on. To open one does nothing yet: programs that look through mail do so too.
var linkPages = map[string]struct{ why, route, more string }{
	"/invitation":   {"Become a member of the organisation that invites you", "/join", `,"name":"Your name","password":"12 characters or more"`},
	"/verification": {"Prove that mail to your address reaches you", "/verification", ""},
	"/reset":        {"Set a new password", "/password/reset", `,"password":"12 characters or more"`},
}

func (s *Server) linkPage(c *fiber.Ctx) error {
	p := linkPages[c.Path()]
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return c.SendString(fmt.Sprintf(`%s, once, with the token of this link:

curl -H 'Content-Type: application/json' %s%s%s \
  -d '{"token":"%s"%s}'
`, p.why, s.URL(s.listenerAddress()), api.Prefix, p.route, tokenOrPlaceholder(c), p.more))
}

var tokenForm = regexp.MustCompile(`^([0-9a-f]{24}_)?[0-9a-f]{64}$`)

// tokenFromQuery is the token in the address, when it has the form of one: of the server, or with an id.
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
