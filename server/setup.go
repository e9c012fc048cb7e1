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
	owned, err := s.store.Owned(c.UserContext())
	if err != nil {
		return err
	}
	if owned && !strings.Contains(setupToken(c), "_") {
		return c.SendString("This server has an owner. To log in, POST e-mail and password to " + api.Prefix + "/session.\n")
	}
	token := setupToken(c)
	if token == "" {
		token = "TOKEN"
	}
	return c.SendString(fmt.Sprintf(`Make the organisation and its owner, once, with this token (the server prints a new one at each start until then):

curl -c cookies -H 'Content-Type: application/json' %s%s/setup \
  -d '{"token":"%s","organisation":"Your company","name":"Your name","email":"you@example.com","password":"12 characters or more"}'

The answer holds the csrf_token to be sent as X-CSRF-Token with every request but GET; the file cookies holds the session.
`, s.URL(s.listenerAddress()), api.Prefix, token))
}

var tokenForm = regexp.MustCompile(`^([0-9a-f]{24}_)?[0-9a-f]{64}$`)

// setupToken is the token in the address, when it has the form of one: of the server, or with an id of a further organisation.
func setupToken(c *fiber.Ctx) string {
	if token := c.Query("token"); tokenForm.MatchString(token) {
		return token
	}
	return ""
}
